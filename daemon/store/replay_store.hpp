#pragma once

#include "lifecycle/delivery.hpp"
#include "store/failure.hpp"
#include "store/settings.hpp"

#include <memory>
#include <vector>

namespace callhook::store {

/// Puts deliveries into the database that may be there already: a commit whose outcome nobody learned may
/// have been made. One thread.
class replay_store {
public:
    explicit replay_store(const settings& where);
    ~replay_store();
    replay_store(const replay_store&) = delete;
    replay_store& operator=(const replay_store&) = delete;

    struct counts {
        std::size_t fresh = 0;
        std::size_t known = 0;
    };

    /// In one transaction: all of them are in `deliveries` afterwards, and those that had not been there
    /// before wait for the sequencer. Doing it again changes nothing. Throws `failure`; after one the commit
    /// may have been made all the same.
    counts replay(const std::vector<lifecycle::delivery>& deliveries);

    /// Whether a failure lies in the deliveries themselves, so that trying again is of no use.
    static bool blames_deliveries(const failure& e) noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
