#pragma once

#include "sources/callpage/canonical.hpp"
#include "sources/callpage/keys.hpp"
#include "sources/callpage/path.hpp"
#include "sources/callpage/wrapper.hpp"

#include <string>

namespace callhook::sources::callpage {

/// What a reader puts up with around the values under documented keys.
enum class tolerance : std::uint8_t {
    exact,      ///< nothing
    wrapped,    ///< any may stand in a wrapper, and an empty list or object is nothing known whatever belongs
                ///< there
    forgiving,  ///< also, one that does not fit is left out
};

/// Takes typed values out of a checked document. Each function returns false once something does not fit;
/// `failure` then says what and where, without any value.
class reader {
public:
    explicit reader(lifecycle::extras* extra = nullptr, tolerance how = tolerance::exact)
        : how{how}, extra_{extra} {}

    bool take(raw_text& out, dom::element value);
    bool take(raw_id& out, dom::element value);
    bool take(raw_count& out, dom::element value);
    bool take(raw_value& out, dom::element value);

    /// Takes all values of an object: documented ones go to `out`, those for which `nested(key, value)`
    /// returns a result were read by it, and the others are extras.
    template <class Raw, class Keys>
    bool take_members(Raw& out, dom::object object, const Keys& keys, const auto& nested) {
        key_finder documented{keys};
        for (const auto member : object) {
            const path::step down{at, member.key};
            if (const auto* const known = documented.find(member.key)) {
                const auto into = [&](auto where) { return take_known(out.*where, member.value); };
                if (!std::visit(into, known->where) && !forgiven()) return false;
            } else if (const std::optional<bool> read = nested(member.key, member.value)) {
                if (!*read && !forgiven()) return false;
            } else {
                keep(member.value);
            }
        }
        return true;
    }

    template <class Raw, class Keys>
    bool take_members(Raw& out, dom::object object, const Keys& keys) {
        return take_members(out, object, keys, [](std::string_view, dom::element) {
            return std::optional<bool>{};
        });
    }

    /// Calls `read(object)` where the value is an object, in a `{"data": ...}` wrapper or not; an absent one
    /// is fine.
    template <class Read>
    bool in_object(dom::element value, Read&& read) {
        return unwrapped(value, [&](dom::element inner) {
            dom::object object;
            if (inner.get(object) != simdjson::SUCCESS) return wrong_type("an object", inner);
            return read(object);
        });
    }

    /// Calls `read(item)` for each item of a list, likewise.
    template <class Read>
    bool in_list(dom::element value, Read&& read) {
        return unwrapped(value, [&](dom::element inner) {
            dom::array list;
            if (inner.get(list) != simdjson::SUCCESS) return wrong_type("an array", inner);
            std::size_t index = 0;
            for (const auto item : list) {
                const path::step down{at, index++};
                if (!read(item) && !forgiven()) return false;
            }
            return true;
        });
    }

    /// Stores the value at the present place as an extra, unless it says nothing.
    void keep(dom::element value) {
        if (extra_ != nullptr && !is_absent(value))
            extra_->insert_or_assign(at.pointer(), lifecycle::raw_json{canonical_json(value)});
    }

    bool fail(std::string_view what);
    bool wrong_type(std::string_view expected, dom::element found);

    path at{};
    std::string failure{};
    tolerance how = tolerance::exact;

private:
    template <class Out>
    bool take_known(Out& out, dom::element value) {
        if (how == tolerance::exact) return take(out, value);
        const auto inner = without_wrapper(value);
        return is_absent(inner) || take(out, inner);
    }

    /// Whether what did not fit may be left out; it is forgotten then.
    bool forgiven() {
        if (how != tolerance::forgiving) return false;
        failure.clear();
        return true;
    }

    template <class Read>
    bool unwrapped(dom::element value, Read&& read) {
        if (is_absent(value)) return true;
        dom::element inner;
        if (value.at_key("data").get(inner) != simdjson::SUCCESS || is_absent(inner)) return read(value);
        if (!inner.is_object() && !inner.is_array()) return read(value);
        take_siblings_of_data(value);
        const path::step down{at, "data"};
        return read(inner);
    }

    void take_siblings_of_data(dom::element wrapper);
    bool take_integer(std::int64_t& out, dom::element value);

    lifecycle::extras* extra_;
};

}  // namespace callhook::sources::callpage
