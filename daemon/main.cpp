#include "app/exit_codes.hpp"
#include "app/run.hpp"
#include "base/result.hpp"

#include <exception>
#include <iostream>
#include <system_error>
#include <typeinfo>

int main(int count, char** words) {
    try {
        return callhook::app::run(count, words);
    } catch (const callhook::bad_result& failure) {
        // Its text is for everybody.
        std::cerr << "callhookd: " << failure.what() << '\n';
        return callhook::app::exit_code::broken_invariant;
    } catch (const std::system_error& failure) {
        std::cerr << "callhookd: the system refuses: " << failure.code().message() << '\n';
        return callhook::app::exit_code::broken_invariant;
    } catch (const std::exception& failure) {
        // what() may quote a row, and rows hold personal data.
        std::cerr << "callhookd: broken invariant: " << typeid(failure).name() << '\n';
        return callhook::app::exit_code::broken_invariant;
    }
}
