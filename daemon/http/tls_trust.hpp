#pragma once

#include "base/result.hpp"

#include <memory>
#include <string>

namespace callhook::http {

/// Whom TLS clients believe, and what they show of themselves. Loading the system's takes about a tenth of a
/// second, so clients that are made while the event loop runs share one that was loaded before. Clients that
/// share it are of one event loop; it is never changed and may be made on any thread.
class tls_trust {
public:
    /// Loads the authorities of a PEM file, or the system's where it is empty. Throws `bad_result`
    /// (`mismatch`) where they cannot be read.
    explicit tls_trust(const std::string& ca_file = {});

    /// Believes who holds the key to the first certificate of a PEM file, whatever name it is called by, and
    /// nobody else: for a listener of our own, which is called by its address. `mismatch` where the file
    /// holds none.
    static result<std::shared_ptr<tls_trust>> in_certificate(const std::string& file);

    /// Believes anybody: for who only asks whether somebody answers, and tells nothing.
    static std::shared_ptr<tls_trust> in_anybody();

    /// From now on clients show this certificate (with those between it and its authority) where they are
    /// asked for one; PEM files. Before the first client is made. `mismatch` where they cannot be used.
    result<void> show(const std::string& certificate_file, const std::string& key_file);

    ~tls_trust();
    tls_trust(const tls_trust&) = delete;
    tls_trust& operator=(const tls_trust&) = delete;

    struct state;
    /// For this folder.
    [[nodiscard]] state& inner() const noexcept { return *state_; }

private:
    struct nobody {};
    explicit tls_trust(nobody);

    std::unique_ptr<state> state_;
};

}  // namespace callhook::http
