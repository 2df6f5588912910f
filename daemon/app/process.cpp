#include "app/process.hpp"

#include "base/log.hpp"

#include <cerrno>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace callhook::app {

void forbid_core_dumps() {
    // The limit does not hold where dumps go to a program, the mark does; and the limit also holds for what
    // this starts.
    const rlimit none{0, 0};
    const bool limited = ::setrlimit(RLIMIT_CORE, &none) == 0;
    const bool marked = ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    if (!limited || !marked) log::warn("core dumps could not be forbidden");
}

void give_way_to_other_threads() {
    // A tenth of the share of a thread that does not give way: work that can wait gets on, slowly.
    constexpr int steps = 10;
    // On Linux niceness is a thread's own, and any thread may become nicer.
    const auto thread = static_cast<id_t>(::gettid());
    errno = 0;
    const int now = ::getpriority(PRIO_PROCESS, thread);
    if (errno != 0 || ::setpriority(PRIO_PROCESS, thread, now + steps) != 0)
        log::warn("the main thread cannot give way to the others");
}

}  // namespace callhook::app
