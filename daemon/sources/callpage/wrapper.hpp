#pragma once

#include "sources/callpage/payload.hpp"

/// The two habits that CallPage's JSON has from PHP and its serialiser: values in `{"data": ...}`, and an
/// empty list for whatever is not there ("Calls, Get History" has both in `"call": {"data": []}`).
namespace callhook::sources::callpage {

/// Whether the value says nothing: null, an empty list or object (PHP writes either for nothing), or such in
/// a wrapper.
bool is_absent(dom::element value);

/// What stands in the wrapper, or in the wrappers; the value itself where it is none. A wrapper holds nothing
/// beside `data` but an `id` that is also in there: history's entries repeat it so.
dom::element without_wrapper(dom::element value);

}  // namespace callhook::sources::callpage
