#pragma once

#include "http/address_key.hpp"
#include "http/network_list.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstddef>
#include <map>

namespace callhook::http {

/// What becomes of a new connection.
enum class entry {
    served,
    crowded,             ///< as many are open as may be
    crowded_by_address,  ///< as many of its own address are
};

/// Counts the open connections of one listener and says who comes in. It remembers an address only while a
/// connection of it is open. Private to this folder, one thread.
class connection_gate {
public:
    struct bounds {
        std::size_t in_all;
        std::size_t of_one_address;  ///< 0: no bound
    };

    /// Of the addresses in `exempt` any number may be open, within the bound for all.
    connection_gate(bounds most, network_list exempt);

    /// The count of one connection; it ends with this. Requires that the gate outlives it.
    class place {
    public:
        place(place&& other) noexcept;
        place& operator=(place&&) = delete;
        ~place();

        [[nodiscard]] entry what() const noexcept { return what_; }
        /// Whether one that is not served is told so; too many at once are closed without a word.
        [[nodiscard]] bool told() const noexcept { return told_; }

    private:
        friend class connection_gate;
        using counts = std::map<address_key, std::size_t>;
        place(connection_gate* of, entry what, bool told, counts::iterator counted)
            : of_{of}, what_{what}, told_{told}, counted_{counted} {}

        connection_gate* of_;
        entry what_;
        bool told_;
        counts::iterator counted_;
    };

    [[nodiscard]] place enter(const boost::asio::ip::address& peer);

private:
    bounds most_;
    network_list exempt_;
    place::counts by_address_;  ///< those being served, where there is a bound
    std::size_t served_ = 0;
    std::size_t told_ = 0;
};

}  // namespace callhook::http
