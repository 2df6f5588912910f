#include "http/parser.hpp"

#include "http/client_answer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace callhook::http {
namespace {

constexpr std::string_view head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

const std::vector<std::string> chunked_bodies{
    "0\r\n\r\n",
    "0;last=yes\r\n\r\n",
    "0\r\nTrailer: a\r\n\r\n",
    "2\r\nab\r\n0\r\n\r\n",
    "1\r\na\r\n1;x=\"y\t\xc3\xbc\"\r\nb\r\n000\r\nT: 1\r\nU: 2\r\n\r\n",
};

constexpr std::string_view answer_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A request whose head has come.
struct chunked_request {
    body_budget budget{1024, 0};
    request_head request;
    body_sink body{budget};
    request_parser parser{request, body};

    chunked_request() { EXPECT_TRUE(parser.parse_head(head)); }
};

/// The body of a request whose chunks arrive in portions of a size.
std::string received(const std::string& chunks, std::size_t portion) {
    chunked_request it;
    std::size_t begin = 0;
    for (std::size_t end = portion;; end += portion) {
        const auto buffered = std::string_view{chunks}.substr(0, end).substr(begin);
        std::size_t taken = 0;
        const auto progress = it.parser.parse_body(buffered, taken);
        begin += taken;
        if (progress == request_parser::progress::done) {
            EXPECT_EQ(begin, chunks.size());
            return it.body.body();
        }
        if (progress != request_parser::progress::more || end >= chunks.size()) {
            ADD_FAILURE() << "not whole: " << chunks;
            return {};
        }
    }
}

TEST(request_parser, chunks_may_arrive_in_any_portions) {
    for (const auto& chunks : chunked_bodies) {
        const auto whole = received(chunks, chunks.size());
        for (std::size_t portion = 1; portion < chunks.size(); ++portion)
            EXPECT_EQ(received(chunks, portion), whole) << portion << " bytes at a time: " << chunks;
    }
}

TEST(request_parser, a_quoted_chunk_extension_holds_no_control_character) {
    using namespace std::string_view_literals;
    for (const auto chunks :
         {"1;x=\"\n\"\r\na\r\n0\r\n\r\n"sv,
          "1;x=\"\r\"\r\na\r\n0\r\n\r\n"sv,
          "1;x=\"\0\"\r\na\r\n0\r\n\r\n"sv,
          "1;x=\"\\\n\"\r\na\r\n0\r\n\r\n"sv,
          "0;x=\"\n\"\r\n\r\n"sv}) {
        chunked_request it;
        std::size_t taken = 0;
        EXPECT_EQ(it.parser.parse_body(chunks, taken), request_parser::progress::malformed) << chunks;

        answer_reader reader{{1024, 1024, false}, false};
        EXPECT_TRUE(reader.take(std::string{answer_head}.append(chunks)).has_error()) << chunks;
    }
}

TEST(answer_reader, chunks_may_arrive_in_any_portions) {
    for (const auto& chunks : chunked_bodies) {
        const auto bytes = std::string{answer_head} + chunks;
        for (std::size_t portion = 1; portion <= bytes.size(); ++portion) {
            answer_reader reader{{1024, 1024, false}, false};
            bool whole = false;
            for (std::size_t at = 0; at < bytes.size(); at += portion) {
                ASSERT_FALSE(whole);
                const auto took = reader.take(std::string_view{bytes}.substr(at, portion));
                ASSERT_TRUE(took.has_value()) << took.error().message;
                whole = *took;
            }
            EXPECT_TRUE(whole) << portion << " bytes at a time: " << chunks;
        }
    }
}

}  // namespace
}  // namespace callhook::http
