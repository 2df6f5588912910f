#include "app/exit_codes.hpp"
#include "app/run.hpp"

#include <exception>
#include <iostream>
#include <typeinfo>

int main(int count, char** words) {
    try {
        return callhook::app::run(count, words);
    } catch (const std::exception& failure) {
        // what() may quote a row, and rows hold personal data.
        std::cerr << "callhookd: broken invariant: " << typeid(failure).name() << '\n';
        return callhook::app::exit_code::broken_invariant;
    }
}
