#include "base/random.hpp"

#include <openssl/rand.h>

#include <stdexcept>

namespace callhook {

std::string random_bytes(std::size_t count) {
    std::string out(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) != 1)
        throw std::runtime_error{"the system has no random bytes"};
    return out;
}

}  // namespace callhook
