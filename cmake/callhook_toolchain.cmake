# Compiler flags, hardening, sanitizers, and the two build helpers (ccache, mold) that are used where present.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(callhook_flags INTERFACE)
target_compile_options(callhook_flags INTERFACE -Wall -Wextra -Wpedantic)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 takes the frame of an inlined asio::awaitable for one made by another operator new than deletes it.
  target_compile_options(callhook_flags INTERFACE -Wno-mismatched-new-delete)
endif()
if(CALLHOOK_WERROR)
  target_compile_options(callhook_flags INTERFACE -Werror)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # -g1 keeps line numbers for backtraces at a fraction of the link time and size of -g.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
  target_compile_options(callhook_flags INTERFACE -fstack-protector-strong -D_FORTIFY_SOURCE=2)
  target_link_options(callhook_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(CALLHOOK_SANITIZE)
  target_compile_options(callhook_flags INTERFACE
    -fsanitize=${CALLHOOK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
  target_link_options(callhook_flags INTERFACE -fsanitize=${CALLHOOK_SANITIZE})
  if(CALLHOOK_SANITIZE MATCHES "thread")
    # Asio uses fences that GCC's TSan does not model; the warning is only about that.
    target_compile_options(callhook_flags INTERFACE -Wno-tsan)
  endif()
endif()

if(CALLHOOK_FUZZ)
  # Inputs a second are what fuzzing lives on, so the code is optimised; what libstdc++ can check cheaply it checks.
  target_compile_options(callhook_flags INTERFACE -O2 -g1)
  if(CALLHOOK_FUZZ_COMPARISONS)
    target_compile_options(callhook_flags INTERFACE -fsanitize=fuzzer-no-link)
  else()
    target_compile_options(callhook_flags INTERFACE -fsanitize-coverage=inline-8bit-counters,pc-table)
  endif()
  target_compile_definitions(callhook_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  target_link_options(callhook_flags INTERFACE -fuse-ld=mold)
endif()
