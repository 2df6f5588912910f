#include "http/connection_gate.hpp"

#include <utility>

namespace callhook::http {

namespace {

/// Refused connections that are told so at the same time.
constexpr std::size_t told_at_once = 64;

}  // namespace

connection_gate::connection_gate(bounds most, network_list exempt)
    : most_{most}, exempt_{std::move(exempt)} {}

connection_gate::place connection_gate::enter(const boost::asio::ip::address& peer) {
    auto what = served_ < most_.in_all ? entry::served : entry::crowded;
    auto counted = by_address_.end();
    if (what == entry::served && most_.of_one_address > 0 && !exempt_.contains(peer)) {
        counted = by_address_.try_emplace(key_of(peer), 0U).first;
        if (counted->second >= most_.of_one_address) {
            what = entry::crowded_by_address;
            counted = by_address_.end();
        } else {
            ++counted->second;
        }
    }
    const bool told = what != entry::served && told_ < told_at_once;
    if (what == entry::served) ++served_;
    if (told) ++told_;
    return {this, what, told, counted};
}

connection_gate::place::place(place&& other) noexcept
    : of_{std::exchange(other.of_, nullptr)},
      what_{other.what_},
      told_{other.told_},
      counted_{other.counted_} {}

connection_gate::place::~place() {
    if (of_ == nullptr) return;
    if (told_) --of_->told_;
    if (what_ != entry::served) return;
    --of_->served_;
    if (counted_ != of_->by_address_.end() && --counted_->second == 0) of_->by_address_.erase(counted_);
}

}  // namespace callhook::http
