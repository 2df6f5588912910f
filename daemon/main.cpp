#include "app/exit_codes.hpp"
#include "app/run.hpp"

#include <exception>
#include <iostream>

int main(int count, char** words) {
    try {
        return callhook::app::run(count, words);
    } catch (const std::exception& failure) {
        std::cerr << "callhookd: broken invariant: " << failure.what() << '\n';
        return callhook::app::exit_code::broken_invariant;
    }
}
