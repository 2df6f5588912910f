#include "store/copy_writer.hpp"

#include "base/escaping.hpp"
#include "base/time_text.hpp"

#include <array>
#include <charconv>

#if PQXX_VERSION_MAJOR < 7
namespace callhook::store {
namespace {
/// A whole row that is escaped already.
struct raw_line {
    const std::string* text;
};
}  // namespace
}  // namespace callhook::store

// 6.4 escapes a value character by character, through a string of its own for each; it took more time than
// all else that is done with a webhook.
template <>
inline std::string pqxx::internal::TypedCopyEscaper::operator()(const callhook::store::raw_line* line) const {
    return *line->text;
}
#endif

namespace callhook::store {

namespace {

/// On the heap and never moved: the transaction knows a stream by its address.
std::unique_ptr<pqxx::stream_to> open_stream(
    pqxx::transaction_base& tx, const char* table, const char* columns
) {
#if PQXX_VERSION_MAJOR >= 7
    return std::unique_ptr<pqxx::stream_to>{
        new pqxx::stream_to{pqxx::stream_to::raw_table(tx, table, columns)}};
#else
    std::vector<std::string> names;
    for (std::string_view rest = columns;;) {
        const auto comma = rest.find(',');
        names.emplace_back(rest.substr(0, comma));
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    return std::make_unique<pqxx::stream_to>(tx, table, names);
#endif
}

/// What bytea's `escape` format takes as it is; a COPY or a conversion of encodings cannot touch it either.
constexpr bool is_plain(char c) {
    return c >= 0x20 && c < 0x7f && c != '\\';
}

#if PQXX_VERSION_MAJOR < 7
constexpr std::array<char, 256> copy_escapes = [] {
    std::array<char, 256> out{};
    out['\b'] = 'b';
    out['\f'] = 'f';
    out['\n'] = 'n';
    out['\r'] = 'r';
    out['\t'] = 't';
    out['\v'] = 'v';
    out['\\'] = '\\';
    return out;
}();

/// PostgreSQL's manual, COPY, "Text Format".
void append_copied(std::string& out, std::string_view text) {
    const auto code = [](char c) { return copy_escapes[static_cast<unsigned char>(c)]; };
    const auto write = [&](char c) {
        out += '\\';
        out += code(c);
    };
    append_escaped(
        out, text, [&](char c) { return code(c) != 0; }, write
    );
}
#endif

}  // namespace

copy_writer::copy_writer(pqxx::transaction_base& tx, const char* table, const char* columns)
    : tx_{tx}, table_{table}, columns_{columns} {}

void copy_writer::complete() {
    if (stream_) stream_->complete();
}

pqxx::stream_to& copy_writer::stream() {
    if (!stream_) stream_ = open_stream(tx_, table_, columns_);
    return *stream_;
}

#if PQXX_VERSION_MAJOR >= 7

void copy_writer::begin_row() {
    text_.clear();
    fields_.clear();
}

void copy_writer::end_row() {
    views_.clear();
    const std::string_view all{text_};
    for (const auto& f : fields_)
        views_.push_back(f.null ? std::optional<std::string_view>{} : all.substr(f.begin, f.end - f.begin));
    stream().write_row(views_);
}

void copy_writer::add(std::string_view text) {
    const auto begin = text_.size();
    text_ += text;
    fields_.push_back({begin, text_.size(), false});
}

void copy_writer::add_null() {
    fields_.push_back({text_.size(), text_.size(), true});
}

void copy_writer::add(const uuid& id) {
    const auto begin = text_.size();
    append(text_, id);
    fields_.push_back({begin, text_.size(), false});
}

void copy_writer::add(utc_time at) {
    const auto begin = text_.size();
    append_rfc3339(text_, at);
    fields_.push_back({begin, text_.size(), false});
}

void copy_writer::add(const bytes& value) {
    const auto begin = text_.size();
    append_bytea(text_, value.value);
    fields_.push_back({begin, text_.size(), false});
}

#else

void copy_writer::begin_row() {
    text_.clear();
}

void copy_writer::end_row() {
    text_.pop_back();  // the tab after the last value
    stream() << std::make_tuple(raw_line{&text_});
}

void copy_writer::add(std::string_view text) {
    append_copied(text_, text);
    text_ += '\t';
}

void copy_writer::add_null() {
    text_ += "\\N\t";
}

void copy_writer::add(const uuid& id) {
    append(text_, id);
    text_ += '\t';
}

void copy_writer::add(utc_time at) {
    append_rfc3339(text_, at);
    text_ += '\t';
}

void copy_writer::add(const bytes& value) {
    const auto begin = text_.size();
    append_bytea(text_, value.value);
    if (text_.find('\\', begin) != std::string::npos) {
        const std::string escaped = text_.substr(begin);
        text_.resize(begin);
        append_copied(text_, escaped);
    }
    text_ += '\t';
}

#endif

void copy_writer::add(std::int64_t number) {
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
    add(std::string_view{digits, static_cast<std::size_t>(end - digits)});
}

void append_bytea(std::string& out, std::string_view bytes) {
    std::size_t others = 0;
    for (const char c : bytes)
        others += is_plain(c) ? 0U : 1U;
    if (others > bytes.size() / 4) {
        out += to_bytea(bytes);
        return;
    }
    out.reserve(out.size() + bytes.size() + 3 * others);
    const auto write = [&](char c) {
        out += '\\';
        if (c == '\\') {
            out += '\\';
            return;
        }
        const auto value = static_cast<unsigned char>(c);
        out += static_cast<char>('0' + (value >> 6));
        out += static_cast<char>('0' + (value >> 3 & 7));
        out += static_cast<char>('0' + (value & 7));
    };
    append_escaped(
        out, bytes, [](char c) { return !is_plain(c); }, write
    );
}

}  // namespace callhook::store
