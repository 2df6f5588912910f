#include "sources/callpage/read_form.hpp"

namespace callhook::sources::callpage {

bool read_form(reader& in, std::vector<raw_form_field>& out, dom::element list) {
    return in.in_list(list, [&](dom::element item) {
        return in.in_object(item, [&](dom::object object) {
            auto& field = out.emplace_back();
            if (!in.take_members(field, object, form_field_keys)) return false;
            if (field.field_value && field.value) {
                const path::step down{in.at, "value"};
                in.keep(*field.value);
            }
            return true;
        });
    });
}

}  // namespace callhook::sources::callpage
