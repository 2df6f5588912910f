#include "http/framing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace callhook::http {
namespace {

using namespace std::string_literals;

constexpr bool good = true;
constexpr bool bad = false;

struct head_case {
    const char* what;
    std::string head;
    bool taken;
};

/// A POST with these lines after a valid Host.
std::string post(const std::string& lines) {
    return "POST /h HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}

std::string line(const std::string& start) {
    return start + "\r\nHost: a\r\n\r\n";
}

std::string many_fields(std::size_t count) {
    std::string lines;
    for (std::size_t i = 1; i < count; ++i)
        lines += "a: b\r\n";
    return post(lines);
}

std::vector<head_case> request_lines() {
    return {
        {"plain GET", line("GET / HTTP/1.1"), good},
        {"query", line("GET /a?b=c&d=%20 HTTP/1.1"), good},
        {"odd method token", line("M-SEARCH / HTTP/1.1"), good},
        {"version 1.0", line("GET / HTTP/1.0"), good},
        {"version 1.0 without Host", "GET / HTTP/1.0\r\n\r\n", good},
        {"version 1.2", line("GET / HTTP/1.2"), bad},
        {"version 0.9", line("GET / HTTP/0.9"), bad},
        {"version 2.0 preface", "PRI * HTTP/2.0\r\n\r\n", bad},
        {"version in lower case", line("GET / http/1.1"), bad},
        {"version with a longer number", line("GET / HTTP/1.10"), bad},
        {"no version", line("GET /"), bad},
        {"no target", line("GET HTTP/1.1"), bad},
        {"two blanks after the method", line("GET  / HTTP/1.1"), bad},
        {"two blanks before the version", line("GET /  HTTP/1.1"), bad},
        {"blank at the end", line("GET / HTTP/1.1 "), bad},
        {"blank at the start", line(" GET / HTTP/1.1"), bad},
        {"tab for a blank", line("GET\t/ HTTP/1.1"), bad},
        {"blank in the target", line("GET /a b HTTP/1.1"), bad},
        {"empty method", line(" / HTTP/1.1"), bad},
        {"method is no token", line("GE(T / HTTP/1.1"), bad},
        {"asterisk form", line("OPTIONS * HTTP/1.1"), bad},
        {"absolute form", line("GET http://a/ HTTP/1.1"), bad},
        {"authority form", line("CONNECT a:80 HTTP/1.1"), bad},
        {"fragment", line("GET /a#b HTTP/1.1"), bad},
        {"control character in the target", line("GET /\x01 HTTP/1.1"), bad},
        {"DEL in the target", line("GET /\x7f HTTP/1.1"), bad},
        {"NUL in the target", line("GET /"s + '\0' + " HTTP/1.1"), bad},
        {"UTF-8 in the target", line("GET /\xc3\xbc HTTP/1.1"), bad},
        {"target at the limit", line("GET /" + std::string(2044, 'a') + " HTTP/1.1"), good},
        {"target over the limit", line("GET /" + std::string(2045, 'a') + " HTTP/1.1"), bad},
        {"endless method", line(std::string(3000, 'G') + " / HTTP/1.1"), bad},
        {"empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", bad},
    };
}

std::vector<head_case> fields() {
    return {
        {"nothing", "", bad},
        {"no final empty line", "GET / HTTP/1.1\r\nHost: a\r\n", bad},
        {"bytes after the end", line("GET / HTTP/1.1") + "x", bad},
        {"two heads in one block", line("GET / HTTP/1.1") + line("GET / HTTP/1.1"), bad},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", bad},
        {"two Hosts", post("Host: b\r\n"), bad},
        {"two equal Hosts", post("hOST: a\r\n"), bad},
        {"two Hosts on 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", bad},
        {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", good},
        {"Host with port", "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", good},
        {"Host in IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", good},
        {"Host with a comma", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", bad},
        {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", bad},
        {"Host with user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", bad},
        {"field without blanks", post("a:b\r\n"), good},
        {"field with blanks and tabs", post("a: \t b \tc \r\n"), good},
        {"empty value", post("a:\r\n"), good},
        {"Latin-1 value", post("a: \xfc\r\n"), good},
        {"blank before the colon", post("a : b\r\n"), bad},
        {"tab before the colon", post("a\t: b\r\n"), bad},
        {"no colon", post("a\r\n"), bad},
        {"empty name", post(": b\r\n"), bad},
        {"name is no token", post("a(b: c\r\n"), bad},
        {"name in UTF-8", post("\xc3\xbc: c\r\n"), bad},
        {"folded line", post("a: b\r\n c\r\n"), bad},
        {"folded line with a tab", post("a: b\r\n\tc\r\n"), bad},
        {"first field folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", bad},
        {"NUL in a value", post("a: b"s + '\0' + "\r\n"), bad},
        {"control character in a value", post("a: \x1b[0m\r\n"), bad},
        {"DEL in a value", post("a: \x7f\r\n"), bad},
        {"bare CR in a value", post("a: b\rc: d\r\n"), bad},
        {"bare LF in a value", post("a: b\nc: d\r\n"), bad},
        {"bare CR before CRLF", post("a: b\r\r\n"), bad},
        {"64 fields", many_fields(64), good},
        {"65 fields", many_fields(65), bad},
    };
}

std::vector<head_case> lengths_and_codings() {
    return {
        {"Content-Length", post("Content-Length: 5\r\n"), good},
        {"Content-Length 0", post("Content-Length: 0\r\n"), good},
        {"leading zeros", post("Content-Length: 005\r\n"), good},
        {"the greatest length", post("Content-Length: 18446744073709551615\r\n"), good},
        {"2 to the 64th", post("Content-Length: 18446744073709551616\r\n"), bad},
        {"plus sign", post("Content-Length: +5\r\n"), bad},
        {"minus sign", post("Content-Length: -5\r\n"), bad},
        {"hexadecimal", post("Content-Length: 0x5\r\n"), bad},
        {"fraction", post("Content-Length: 5.0\r\n"), bad},
        {"two numbers", post("Content-Length: 5 5\r\n"), bad},
        {"list of equal lengths", post("Content-Length: 5, 5\r\n"), bad},
        {"empty length", post("Content-Length:\r\n"), bad},
        {"length twice, equal", post("Content-Length: 5\r\nContent-Length: 5\r\n"), bad},
        {"length twice, different", post("Content-Length: 5\r\ncontent-length: 6\r\n"), bad},
        {"blank before the colon of a length", post("Content-Length : 5\r\n"), bad},
        {"chunked", post("Transfer-Encoding: chunked\r\n"), good},
        {"chunked in another case", post("tRANSFER-eNCODING: \tChUnKeD \r\n"), good},
        {"chunked on 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", bad},
        {"gzip", post("Transfer-Encoding: gzip\r\n"), bad},
        {"gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n"), bad},
        {"chunked, identity", post("Transfer-Encoding: chunked, identity\r\n"), bad},
        {"chunked twice in one field", post("Transfer-Encoding: chunked, chunked\r\n"), bad},
        {"identity", post("Transfer-Encoding: identity\r\n"), bad},
        {"xchunked", post("Transfer-Encoding: xchunked\r\n"), bad},
        {"xchunked with a length", post("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n"), bad},
        {"chunked with a parameter", post("Transfer-Encoding: chunked;a=b\r\n"), bad},
        {"quoted chunked", post("Transfer-Encoding: \"chunked\"\r\n"), bad},
        {"vertical tab before chunked", post("Transfer-Encoding: \vchunked\r\n"), bad},
        {"empty coding", post("Transfer-Encoding:\r\n"), bad},
        {"coding twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), bad},
        {"coding twice, different", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), bad},
        {"folded coding", post("Transfer-Encoding:\r\n chunked\r\n"), bad},
        {"blank before the colon of a coding", post("Transfer-Encoding : chunked\r\n"), bad},
        {"length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), bad},
        {"chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), bad},
        {"chunked and length 0", post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), bad},
    };
}

void expect_verdicts(const std::vector<head_case>& cases) {
    for (const auto& c : cases) {
        const auto verdict = check_framing(c.head);
        EXPECT_EQ(verdict.has_value(), c.taken) << c.what;
        if (verdict.has_error()) {
            EXPECT_EQ(verdict.error().code, errc::invalid_input) << c.what;
            EXPECT_FALSE(verdict.error().message.empty()) << c.what;
        }
    }
}

TEST(framing, request_lines) {
    expect_verdicts(request_lines());
}
TEST(framing, fields) {
    expect_verdicts(fields());
}
TEST(framing, lengths_and_codings) {
    expect_verdicts(lengths_and_codings());
}

TEST(framing, any_single_control_byte_anywhere_is_refused) {
    const std::string whole = post("abc: d\r\n");
    for (std::size_t at = 0; at + 4 < whole.size(); ++at) {
        if (whole[at] == '\r' || whole[at] == '\n' || whole[at - (at > 0)] == '\r') continue;
        for (int byte = 0; byte < 0x20; ++byte) {
            if (byte == '\t') continue;
            auto broken = whole;
            broken[at] = static_cast<char>(byte);
            EXPECT_TRUE(check_framing(broken).has_error()) << "byte " << byte << " at " << at;
        }
    }
}

TEST(head_scanner, finds_the_same_end_however_the_bytes_come) {
    const std::string head = post("a: b\r\n");
    const std::string stream = head + "{\"body\":1}\r\n\r\n";
    for (std::size_t step = 1; step <= stream.size(); ++step) {
        head_scanner scanner;
        for (std::size_t size = step;; size += step) {
            const auto progress = scanner.scan(std::string_view{stream}.substr(0, size));
            ASSERT_NE(progress, head_progress::malformed);
            if (size >= head.size()) {
                EXPECT_EQ(progress, head_progress::whole);
                EXPECT_EQ(scanner.position, head.size());
                break;
            }
            ASSERT_EQ(progress, head_progress::partial) << size;
        }
    }
}

TEST(head_scanner, gives_up_early_on_what_can_never_become_a_request) {
    const auto first_look = [](std::string_view bytes) { return head_scanner{}.scan(bytes); };
    EXPECT_EQ(first_look("\x16\x03\x01"), head_progress::malformed) << "TLS hello";
    EXPECT_EQ(first_look("\r\n"), head_progress::malformed);
    EXPECT_EQ(first_look("GET / HTTP/1.1\n"), head_progress::malformed) << "bare line feed";
    EXPECT_EQ(first_look(""), head_progress::partial);
    EXPECT_EQ(first_look("GET / HTTP/1.1\r"), head_progress::partial);
}

}  // namespace
}  // namespace callhook::http
