// TLS, sockets, files and the rest of the system.
#include "shim.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace shim;

struct ssl_st;

extern "C" {

int SSL_connect(ssl_st*);
int SSL_accept(ssl_st*);
int SSL_read(ssl_st*, void*, int);
int SSL_write(ssl_st*, const void*, int);
int RAND_bytes(unsigned char*, int);
void ERR_new() __attribute__((weak));
void ERR_set_error(int, int, const char*, ...) __attribute__((weak));

// TLS, and random bytes
// ----------------------------------------------------------------------------------------------

static int tls_fails() {
    constexpr int ssl_library = 20;
    constexpr int internal_error = 68 | 0x100000;
    ERR_new();
    ERR_set_error(ssl_library, internal_error, nullptr);
    return -1;
}

int SSL_connect(ssl_st* s) {
    REAL(SSL_connect);
    order what;
    return due("tls", "connect", what) ? tls_fails() : real(s);
}

int SSL_accept(ssl_st* s) {
    REAL(SSL_accept);
    order what;
    return due("tls", "accept", what) ? tls_fails() : real(s);
}

int SSL_read(ssl_st* s, void* to, int most) {
    REAL(SSL_read);
    order what;
    if (!due("tls", "read", what)) return real(s, to, most);
    return what.how == partly ? real(s, to, 1) : tls_fails();
}

int SSL_write(ssl_st* s, const void* from, int count) {
    REAL(SSL_write);
    order what;
    return due("tls", "write", what) ? tls_fails() : real(s, from, count);
}

int RAND_bytes(unsigned char* to, int count) {
    REAL(RAND_bytes);
    order what;
    return due("random", "bytes", what) ? 0 : real(to, count);
}

// Sockets
// ----------------------------------------------------------------------------------------------------------

int socket(int family, int type, int protocol) noexcept {
    REAL(socket);
    order what;
    if (due(OWNER, "socket", what)) return failing(what);
    const int fd = real(family, type, protocol);
    set_label(fd, nullptr);
    return fd;
}

int bind(int fd, const sockaddr* at, socklen_t size) noexcept {
    REAL(bind);
    order what;
    return due("listener", "bind", what) ? failing(what) : real(fd, at, size);
}

int listen(int fd, int backlog) noexcept {
    REAL(listen);
    order what;
    return due("listener", "listen", what) ? failing(what) : real(fd, backlog);
}

static int accepted(int fd) {
    set_label(fd, active() ? "in" : nullptr);
    return fd;
}

int accept(int fd, sockaddr* from, socklen_t* size) {
    REAL(accept);
    order what;
    return due("listener", "accept", what) ? failing(what) : accepted(real(fd, from, size));
}

int accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
    REAL(accept4);
    order what;
    return due("listener", "accept", what) ? failing(what) : accepted(real(fd, from, size, flags));
}

int connect(int fd, const sockaddr* to, socklen_t size) {
    REAL(connect);
    const char* who = OWNER;
    order what;
    if (due(who, "connect", what)) return failing(what);
    set_label(fd, active() ? who : nullptr);
    return real(fd, to, size);
}

int close(int fd) {
    REAL(close);
    set_label(fd, nullptr);
    return real(fd);
}

/// A connection that reports a failure has none of its directions any more; only an interrupted call leaves
/// it.
static int broken(int fd, const order& what) {
    if (what.number != EINTR) shutdown(fd, SHUT_RDWR);
    return failing(what);
}

ssize_t recv(int fd, void* to, size_t most, int flags) {
    REAL(recv);
    order what;
    if (!due(label_of(fd), "recv", what)) return real(fd, to, most, flags);
    if (what.how == partly) return real(fd, to, most < 1 ? most : 1, flags);
    return what.how == end ? 0 : broken(fd, what);
}

ssize_t send(int fd, const void* from, size_t count, int flags) {
    REAL(send);
    order what;
    if (!due(label_of(fd), "send", what)) return real(fd, from, count, flags);
    if (what.how == partly) return real(fd, from, count < 1 ? count : 1, flags);
    return broken(fd, what);
}

/// At most one byte of what the buffers hold or take.
static msghdr first_byte(const msghdr* whole, iovec& one) {
    msghdr part = *whole;
    one = {nullptr, 0};
    for (size_t i = 0; i < whole->msg_iovlen; ++i) {
        if (whole->msg_iov[i].iov_len == 0) continue;
        one = {whole->msg_iov[i].iov_base, 1};
        break;
    }
    part.msg_iov = &one;
    part.msg_iovlen = 1;
    return part;
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
    REAL(recvmsg);
    order what;
    if (!due(label_of(fd), "recv", what)) return real(fd, message, flags);
    if (what.how == partly) {
        iovec one;
        msghdr part = first_byte(message, one);
        return real(fd, &part, flags);
    }
    return what.how == end ? 0 : broken(fd, what);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    REAL(sendmsg);
    order what;
    if (!due(label_of(fd), "send", what)) return real(fd, message, flags);
    if (what.how == partly) {
        iovec one;
        const msghdr part = first_byte(message, one);
        return real(fd, &part, flags);
    }
    return broken(fd, what);
}

// Files
// ------------------------------------------------------------------------------------------------------------

static int opened(int fd, const char* label) {
    set_label(fd, label);
    return fd;
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

int open(const char* path, int flags, ...) {
    REAL(open);
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    const char* label = file_label(path);
    order what;
    return due(label, "open", what) ? failing(what) : opened(real(path, flags, mode), label);
}

int open64(const char* path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = mode_of(flags, rest);
    va_end(rest);
    const char* label = file_label(path);
    order what;
    return due(label, "open", what) ? failing(what) : opened(real(path, flags, mode), label);
}

FILE* fopen(const char* path, const char* mode) {
    REAL(fopen);
    const char* label = file_label(path);
    order what;
    if (due(label, "open", what)) return failing(what), nullptr;
    FILE* file = real(path, mode);
    if (file != nullptr) set_label(fileno(file), label);
    return file;
}

FILE* fopen64(const char* path, const char* mode) {
    REAL(fopen64);
    const char* label = file_label(path);
    order what;
    if (due(label, "open", what)) return failing(what), nullptr;
    FILE* file = real(path, mode);
    if (file != nullptr) set_label(fileno(file), label);
    return file;
}

ssize_t read(int fd, void* to, size_t most) {
    REAL(read);
    order what;
    if (!due(label_of(fd), "read", what)) return real(fd, to, most);
    return what.how == end ? 0 : failing(what);
}

ssize_t write(int fd, const void* from, size_t count) {
    REAL(write);
    order what;
    if (!due(label_of(fd), "write", what)) return real(fd, from, count);
    return what.how == partly && count > 0 ? real(fd, from, 1) : failing(what);
}

ssize_t pread64(int fd, void* to, size_t most, off64_t at) {
    REAL(pread64);
    order what;
    if (!due(label_of(fd), "read", what)) return real(fd, to, most, at);
    return what.how == end ? 0 : failing(what);
}

ssize_t pwrite64(int fd, const void* from, size_t count, off64_t at) {
    REAL(pwrite64);
    order what;
    if (!due(label_of(fd), "write", what)) return real(fd, from, count, at);
    if (what.how == partly && count > 1) return real(fd, from, count / 2, at);
    return failing(what);
}

int fsync(int fd) {
    REAL(fsync);
    order what;
    return due(label_of(fd), "sync", what) ? failing(what) : real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    order what;
    return due(label_of(fd), "sync", what) ? failing(what) : real(fd);
}

int ftruncate64(int fd, off64_t length) noexcept {
    REAL(ftruncate64);
    order what;
    return due(label_of(fd), "truncate", what) ? failing(what) : real(fd, length);
}

int rename(const char* from, const char* to) noexcept {
    REAL(rename);
    order what;
    return due(file_label(from), "rename", what) ? failing(what) : real(from, to);
}

int unlink(const char* path) noexcept {
    REAL(unlink);
    order what;
    return due(file_label(path), "unlink", what) ? failing(what) : real(path);
}

// The rest of the system
// -------------------------------------------------------------------------------------------

int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
    REAL(getaddrinfo);
    order what;
    const char* who = OWNER;
    if (due(who != nullptr ? "dns" : nullptr, "lookup", what)) return EAI_AGAIN;
    return real(host, service, hints, found);
}

int epoll_wait(int fd, epoll_event* events, int most, int timeout) {
    REAL(epoll_wait);
    order what;
    return due("loop", "epoll_wait", what) ? failing(what) : real(fd, events, most, timeout);
}

int epoll_ctl(int fd, int operation, int of, epoll_event* event) noexcept {
    REAL(epoll_ctl);
    order what;
    const bool adds = operation == EPOLL_CTL_ADD && !is_own_of_loop(of);
    return due(adds ? "loop" : nullptr, "epoll_add", what) ? failing(what) : real(fd, operation, of, event);
}

int epoll_create1(int flags) noexcept {
    REAL(epoll_create1);
    order what;
    return due("loop", "epoll_create", what) ? failing(what) : real(flags);
}

int eventfd(unsigned count, int flags) noexcept {
    REAL(eventfd);
    order what;
    if (due("loop", "eventfd", what)) return failing(what);
    const int fd = real(count, flags);
    set_own_of_loop(fd);
    return fd;
}

int timerfd_create(clockid_t clock, int flags) noexcept {
    REAL(timerfd_create);
    order what;
    if (due("loop", "timerfd", what)) return failing(what);
    const int fd = real(clock, flags);
    set_own_of_loop(fd);
    return fd;
}

int pthread_create(pthread_t* made, const pthread_attr_t* how, void* (*run)(void*), void* with) noexcept {
    REAL(pthread_create);
    order what;
    return due("thread", "create", what) ? what.number : real(made, how, run, with);
}

}  // extern "C"
