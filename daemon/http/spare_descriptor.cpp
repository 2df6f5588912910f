#include "http/spare_descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace callhook::http {

void spare_descriptor::take() noexcept {
    if (held_ < 0) held_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void spare_descriptor::give() noexcept {
    if (held_ >= 0) ::close(std::exchange(held_, -1));
}

}  // namespace callhook::http
