#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::app {

/// Where a listener is because the service manager opened its socket. That counts, whatever `address` and
/// `port` in the configuration say.
struct handed_place {
    std::string listener;  ///< hooks or api
    std::string address;
    std::uint16_t port = 0;
};

/// The listening sockets that the service manager opened and handed to this process (socket activation),
/// each owned until somebody takes it. They outlive the process there, so that who connects during a restart
/// waits and is not refused.
class handed_sockets {
public:
    /// None.
    handed_sockets() = default;
    ~handed_sockets();
    handed_sockets(handed_sockets&& other) noexcept;
    handed_sockets& operator=(handed_sockets&& other) noexcept;
    handed_sockets(const handed_sockets&) = delete;
    handed_sockets& operator=(const handed_sockets&) = delete;

    /// Those of `LISTEN_FDS`, which is taken out of the environment: once, before there are other threads.
    /// `mismatch` where one has no listener's name (`FileDescriptorName=`), two have the same, or one is no
    /// TCP socket; then all of them are closed.
    static result<handed_sockets> receive();

    [[nodiscard]] std::vector<handed_place> places() const;

    [[nodiscard]] bool has(std::string_view listener) const;

    /// The descriptor for this listener, which is the caller's from now on; nothing where none was handed
    /// over.
    std::optional<int> take(std::string_view listener);

private:
    struct one {
        handed_place where;
        int descriptor;
    };

    result<void> add(std::string_view name, int descriptor);

    std::vector<one> all_;
};

}  // namespace callhook::app
