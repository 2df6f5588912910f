#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace callhook::sources::callpage {

/// How deep objects and arrays may nest, the outermost counted.
inline constexpr std::size_t max_depth = 32;

/// Where in a document a reader stands. It holds no text of its own: keys must outlive it.
class path {
public:
    /// A key, or an index into a list.
    using segment = std::variant<std::string_view, std::size_t>;

    /// Goes one level down for as long as it lives.
    class step {
    public:
        step(path& of, std::string_view key) : of_{of} { of_.segments_[of_.depth_++] = key; }
        step(path& of, std::size_t index) : of_{of} { of_.segments_[of_.depth_++] = index; }
        ~step() { --of_.depth_; }
        step(const step&) = delete;
        step& operator=(const step&) = delete;

    private:
        path& of_;
    };

    /// How many objects and arrays are around this place.
    [[nodiscard]] std::size_t depth() const noexcept { return depth_; }

    /// The JSON pointer (RFC 6901) of this place: for storage, since a key may hold personal data.
    [[nodiscard]] std::string pointer() const;

    /// The same for anyone to see: a key that is not documented is written `*`, and the root `the document`.
    [[nodiscard]] std::string shown() const;

    /// One segment of that, with the slash before it.
    [[nodiscard]] static std::string shown(const segment& one);

private:
    std::array<segment, max_depth + 1> segments_{};
    std::size_t depth_ = 0;
};

}  // namespace callhook::sources::callpage
