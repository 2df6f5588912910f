#pragma once

// Makes one call of a running program fail: preloaded (LD_PRELOAD) into callhookd by the tests, linked into
// nothing.
//
// It stands between the program and its shared libraries: libpq, libc, libssl. Every call it knows has a
// name, such as `inbox/COMMIT`, `in/recv` or `spool.db-wal/write`. A file that FAULT_SHIM_CONTROL names,
// mapped into memory, has the number of calls of each name, for the test to read, and one order, for the test
// to give: which name, the how manieth call from now on, and how it fails. tests/functional/support/faults.py
// is the other side and knows the same layout.
//
// Failures are as real as can be had. A refused statement is refused by the server: another one, that raises
// an error with the SQLSTATE asked for, is sent in its place, so that the transaction fails as well. A cut
// connection is shut down at the socket. A lost answer is that of a statement that was executed.

#include <cstdint>
#include <dlfcn.h>

namespace shim {

enum how : std::uint32_t {
    fail = 0,    // a call of the system or a library: its error, `number` says which
    partly = 1,  // at most one byte
    end = 2,     // the other side has closed
    refuse = 3,  // a statement: refused with the SQLSTATE `state`
    cut = 4,     // a statement: the connection broke before it was sent
    lose = 5,    // a statement: executed, but the connection broke before the answer came
};

struct order {
    std::uint32_t how = fail;
    int number = 0;
    char state[8] = {};
};

constexpr unsigned name_bytes = 80;

/// Counts the call; whether it has to fail, and how. A null label: a call of somebody else, which is neither.
bool due(const char* label, const char* call, order& out);

/// Whether there is a control file.
bool active();

/// Set while the shim itself calls what it stands before.
extern thread_local bool inside;

struct inside_scope {
    const bool before = inside;
    inside_scope() { inside = true; }
    ~inside_scope() { inside = before; }
};

/// What a descriptor is: `in`, `out`, `nats`, a database session's role, a file's name. Null: none of ours.
void set_label(int fd, const char* label);
const char* label_of(int fd);

/// Marks one that the loop is made of: Asio does not look whether it could be added.
void set_own_of_loop(int fd);
bool is_own_of_loop(int fd);

/// A copy that stays, one for each text.
const char* interned(const char* text);

/// Whose call it is: `out` the program's own, `pg`, `nats`, or null for anybody else's.
const char* owner(void* address);

/// A file's name where it lies in the folder that is watched.
const char* file_label(const char* path);

/// Sets errno; -1.
int failing(const order& what);

template <class F>
F* next_of(F*, const char* name) {
    return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace shim

/// The function that would have been called without the shim.
#define REAL(function) static const auto real = shim::next_of(&function, #function)
#define OWNER shim::owner(__builtin_return_address(0))
