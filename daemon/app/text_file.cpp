#include "app/text_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace callhook::app {
namespace {

class descriptor {
public:
    explicit descriptor(int number) : number_{number} {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const noexcept { return number_; }

private:
    int number_;
};

error unreadable(int number) {
    if (number == ENOENT || number == ENOTDIR) return {errc::not_found, "does not exist", {}};
    return {errc::mismatch, "cannot be read: " + std::generic_category().message(number), {}};
}

}  // namespace

result<text_file> read_text_file(const std::filesystem::path& path, std::size_t largest) {
    // Non-blocking, so that a named pipe does not hold up the start; the mode is asked of the very file that
    // is read.
    const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.get() < 0) return unreadable(errno);
    struct ::stat about {};
    if (::fstat(file.get(), &about) != 0) return unreadable(errno);
    if (!S_ISREG(about.st_mode)) return error{errc::mismatch, "is not a regular file", {}};

    text_file out;
    out.mode = about.st_mode & 07777U;
    out.content.resize(largest + 1);
    std::size_t filled = 0;
    while (filled < out.content.size()) {
        const auto got = ::read(file.get(), out.content.data() + filled, out.content.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable(errno);
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    if (filled > largest)
        return error{errc::mismatch, "is larger than " + std::to_string(largest) + " bytes", {}};
    out.content.resize(filled);
    return out;
}

}  // namespace callhook::app
