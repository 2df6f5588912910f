# Clang, for what GCC has not: libFuzzer. Debian 12's own clang (14) cannot compile libstdc++'s coroutines, its clang-16 can;
# Debian 13 has clang 19.
find_program(CALLHOOK_CLANG NAMES clang++-19 clang++-18 clang++-17 clang++-16 REQUIRED)
set(CMAKE_CXX_COMPILER "${CALLHOOK_CLANG}")
