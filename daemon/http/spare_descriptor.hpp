#pragma once

namespace callhook::http {

/// A file descriptor kept for the moment when there are no others: given back, it lets one connection be
/// accepted and closed, where otherwise it would wait in the kernel for nobody. Private to this folder.
class spare_descriptor {
public:
    spare_descriptor() { take(); }
    ~spare_descriptor() { give(); }
    spare_descriptor(const spare_descriptor&) = delete;
    spare_descriptor& operator=(const spare_descriptor&) = delete;

    /// Takes one again; without effect where there is none to be had.
    void take() noexcept;
    void give() noexcept;

private:
    int held_ = -1;
};

}  // namespace callhook::http
