#include "shim.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

namespace shim {

thread_local bool inside = false;

namespace {

constexpr std::size_t most_names = 600;
constexpr int most_files = 65'536;

struct counter {
    char name[name_bytes];
    std::uint64_t calls;
};

/// The mapped file.
struct control {
    std::uint32_t armed;  ///< the test sets it last; the shim clears it where the order was for one call
    std::uint32_t many;   ///< from the nth call on all fail, until the test takes the order back
    std::uint32_t how;
    std::int32_t number;
    std::uint64_t nth;     ///< from 1
    std::uint64_t seen;    ///< calls of the name since the order
    std::uint64_t failed;  ///< those that were made to fail
    char state[8];
    char name[name_bytes];  ///< a pattern as file names have them
    std::uint32_t names;
    std::uint32_t unused;
    counter counters[most_names];
};

control* shared = nullptr;
const char* watched_files = nullptr;
pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

/// What a descriptor is: `in`, `out`, `nats`, a database session's role, a file's name. Null: none of ours.
std::atomic<const char*> labels[most_files];
const char own_of_loop[] = "";

__attribute__((constructor)) void open_control() {
    const char* path = getenv("FAULT_SHIM_CONTROL");
    if (path == nullptr) return;
    const inside_scope own;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void* mapped = mmap(nullptr, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED) return;
    watched_files = getenv("FAULT_SHIM_FILES");
    shared = static_cast<control*>(mapped);
}

void join(char (&out)[name_bytes], const char* label, const char* call) {
    snprintf(out, sizeof out, "%s/%s", label, call);
}

counter* counter_of(const char* name) {
    for (std::uint32_t i = 0; i < shared->names; ++i)
        if (strcmp(shared->counters[i].name, name) == 0) return &shared->counters[i];
    if (shared->names == most_names) return nullptr;
    auto* made = &shared->counters[shared->names];
    snprintf(made->name, sizeof made->name, "%s", name);
    ++shared->names;
    return made;
}

}  // namespace

bool due(const char* label, const char* call, order& out) {
    if (shared == nullptr || inside || label == nullptr) return false;
    char name[name_bytes];
    join(name, label, call);
    const int kept = errno;
    pthread_mutex_lock(&guard);
    if (auto* mine = counter_of(name)) ++mine->calls;
    bool now = false;
    if (__atomic_load_n(&shared->armed, __ATOMIC_ACQUIRE) != 0 && fnmatch(shared->name, name, 0) == 0) {
        ++shared->seen;
        now = shared->seen == shared->nth || (shared->many != 0 && shared->seen > shared->nth);
        if (now) {
            ++shared->failed;
            out.how = shared->how;
            out.number = shared->number;
            memcpy(out.state, shared->state, sizeof out.state);
            out.state[sizeof out.state - 1] = 0;
            if (shared->many == 0) __atomic_store_n(&shared->armed, 0, __ATOMIC_RELEASE);
        }
    }
    pthread_mutex_unlock(&guard);
    errno = kept;
    return now;
}

const char* interned(const char* text) {
    static char texts[256][name_bytes];
    static int used = 0;
    const char* found = nullptr;
    pthread_mutex_lock(&guard);
    for (int i = 0; i < used && found == nullptr; ++i)
        if (strcmp(texts[i], text) == 0) found = texts[i];
    if (found == nullptr && used < 256) {
        snprintf(texts[used], name_bytes, "%s", text);
        found = texts[used++];
    }
    pthread_mutex_unlock(&guard);
    return found;
}

void set_label(int fd, const char* label) {
    if (fd >= 0 && fd < most_files) labels[fd].store(label, std::memory_order_relaxed);
}

const char* label_of(int fd) {
    if (fd < 0 || fd >= most_files) return nullptr;
    const char* label = labels[fd].load(std::memory_order_relaxed);
    return label == own_of_loop ? nullptr : label;
}

void set_own_of_loop(int fd) {
    set_label(fd, own_of_loop);
}

bool is_own_of_loop(int fd) {
    return fd >= 0 && fd < most_files && labels[fd].load(std::memory_order_relaxed) == own_of_loop;
}

const char* owner(void* address) {
    Dl_info where;
    if (dladdr(address, &where) == 0 || where.dli_fname == nullptr) return nullptr;
    const char* slash = strrchr(where.dli_fname, '/');
    const char* file = slash != nullptr ? slash + 1 : where.dli_fname;
    if (strncmp(file, "libpq.", 6) == 0) return "pg";
    if (strncmp(file, "libnats", 7) == 0) return "nats";
    return strncmp(file, "callhookd", 9) == 0 ? "out" : nullptr;
}

const char* file_label(const char* path) {
    if (shared == nullptr || inside || watched_files == nullptr || path == nullptr) return nullptr;
    if (strncmp(path, watched_files, strlen(watched_files)) != 0) return nullptr;
    const char* slash = strrchr(path, '/');
    return interned(slash + 1);
}

int failing(const order& what) {
    errno = what.number;
    return -1;
}

bool active() {
    return shared != nullptr;
}

}  // namespace shim
