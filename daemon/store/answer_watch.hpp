#pragma once

// Private to store/.

#include <chrono>
#include <memory>

namespace callhook::store {

/// Breaks a connection whose server owes an answer for too long. statement_timeout is the server's to keep,
/// and libpq waits without end: where a server or a pooler hangs, or is frozen, nothing else would ever
/// return. What waits on the connection then fails as it does when a connection breaks. One object a
/// connection; one thread a process watches all. `expect` and `enough` are for the connection's own thread.
class answer_watch {
public:
    explicit answer_watch(std::chrono::milliseconds longest);
    ~answer_watch();
    answer_watch(const answer_watch&) = delete;
    answer_watch& operator=(const answer_watch&) = delete;

    /// From now on an answer is owed over this socket, for `longest` at most.
    void expect(int socket);
    /// Nothing is owed. Must come before the socket is closed: its number may be another's a moment later.
    void enough() noexcept;
    /// Whether the connection that `expect` named last was broken.
    [[nodiscard]] bool broke() const;

private:
    struct debt;
    class collector;

    const std::chrono::milliseconds longest_;
    const std::unique_ptr<debt> debt_;
};

}  // namespace callhook::store
