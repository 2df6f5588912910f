#include "harness.hpp"

#include "base/text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <arpa/inet.h>
#include <future>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;

namespace {

constexpr int patience_seconds = 5;

/// An endpoint from a function.
class function_endpoint final : public endpoint {
public:
    using function = std::function<asio::awaitable<response>(request)>;

    explicit function_endpoint(function f, std::atomic<int>& handled, std::atomic<int>& finished)
        : f_{std::move(f)}, handled_{handled}, finished_{finished} {}

    std::optional<response> admit(const request_head& head) override {
        if (head.header("x-deny") == "throw") throw std::runtime_error{"denied"};
        if (head.header("x-deny") == "unsendable")
            return response{.status = 403, .fields = {{"A", "b\r\nc"}}};
        if (!head.header("x-deny").empty()) return problem(403, "denied");
        return {};
    }

    asio::awaitable<response> handle(request whole) override {
        ++handled_;
        struct at_end {
            std::atomic<int>& count;
            ~at_end() { ++count; }
        } end{finished_};
        co_return co_await f_(std::move(whole));
    }

private:
    function f_;
    std::atomic<int>& handled_;
    std::atomic<int>& finished_;
};

asio::awaitable<void> sleep(std::chrono::milliseconds time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<response> sleep_then_answer(request whole) {
    co_await sleep(std::chrono::milliseconds{parse_integer<int>(whole.query).value_or(0)});
    co_return json_response(200, "{}");
}

asio::awaitable<response> swallow_cancellation(request) {
    try {
        co_await sleep(1h);
    } catch (const std::exception&) {
    }
    co_return json_response(200, "{\"late\":true}");
}

asio::awaitable<void> three_pieces(body_stream& out) {
    co_await out.write("one");
    co_await sleep(1ms);
    co_await out.write("");
    co_await out.write("two");
    const std::string big(3'000'000, 'x');
    co_await out.write(big);
}

asio::awaitable<void> silent_stream(body_stream& out) {
    co_await out.write("one");
    co_await sleep(1h);
}

asio::awaitable<void> broken_stream(body_stream& out) {
    co_await out.write("one");
    throw std::runtime_error{"no more"};
}

}  // namespace

std::string reply::header(std::string_view name) const {
    std::string all;
    for (const auto& f : fields) {
        if (equals_ignoring_case(f.name, name)) all += (all.empty() ? "" : " | ") + f.value;
    }
    return all;
}

raw_client::raw_client(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
    const timeval patience{.tv_sec = patience_seconds, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
        throw std::runtime_error{"connect"};
}

raw_client::~raw_client() {
    if (socket_ >= 0) ::close(socket_);
}

bool raw_client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void raw_client::finish_sending() {
    ::shutdown(socket_, SHUT_WR);
}

void raw_client::reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(socket_, -1));
}

bool raw_client::fill() {
    char bytes[16384];
    const auto size = ::recv(socket_, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    pending_.append(bytes, static_cast<std::size_t>(size));
    return true;
}

reply raw_client::receive(bool body_follows) {
    while (pending_.find("\r\n\r\n") == std::string::npos) {
        if (!fill()) return {};
    }
    const auto head_end = pending_.find("\r\n\r\n");
    reply got;
    for (const auto line : split(std::string_view{pending_}.substr(0, head_end), '\n')) {
        const auto colon = line.find(':');
        if (got.status == 0) {
            got.status = parse_integer<unsigned>(line.substr(9, 3)).value_or(999);
        } else {
            got.fields.push_back(
                {std::string{line.substr(0, colon)}, std::string{trim(line.substr(colon + 1))}}
            );
        }
    }
    pending_.erase(0, head_end + 4);
    const auto length = parse_integer<std::size_t>(got.header("content-length")).value_or(0);
    if (!body_follows) return got;
    while (pending_.size() < length) {
        if (!fill()) return {};
    }
    got.body = pending_.substr(0, length);
    pending_.erase(0, length);
    return got;
}

bool raw_client::closed() {
    if (!pending_.empty()) return false;
    char byte = 0;
    return ::recv(socket_, &byte, 1, 0) == 0;
}

std::string raw_client::receive_all() {
    while (fill()) {
    }
    return std::exchange(pending_, {});
}

server_test::server_test() : work_{loop_.get_executor()} {
    const auto add = [this](
                         std::string_view method, std::string_view pattern, function_endpoint::function f
                     ) {
        routes_.add(method, pattern, std::make_shared<function_endpoint>(std::move(f), handled_, finished_));
    };
    // Echoes the body, and says in fields what else the request held.
    add("POST", "/echo", [this](request whole) -> asio::awaitable<response> {
        if (whole.body.capacity() < whole.body.size() + body_padding) padded_ = false;
        response answer{.content_type = "text/plain", .body = std::move(whole.body)};
        answer.fields.push_back({"X-Trailer-Seen", std::string{whole.header("x-trailer")}});
        answer.fields.push_back({"X-Peer", whole.peer});
        answer.fields.push_back({"X-Fields", std::to_string(whole.fields.size())});
        co_return answer;
    });
    add("GET", "/echo", [this](request whole) -> asio::awaitable<response> {
        if (whole.body.capacity() < body_padding) padded_ = false;
        co_return response{.content_type = "text/plain", .body = "got " + whole.query};
    });
    add("POST", "/hooks/{source}/{secret}", [](request whole) -> asio::awaitable<response> {
        co_return json_response(
            200, std::string{whole.path_parameter("source")} + " " + std::string{whole.route}
        );
    });
    add("GET", "/sleep", sleep_then_answer);
    add("POST", "/sleep", sleep_then_answer);
    add("GET", "/stubborn", swallow_cancellation);
    add("GET", "/throw", [](request) -> asio::awaitable<response> {
        throw std::runtime_error{"boom"};
        co_return response{};
    });
    add("GET", "/unsendable", [](request) -> asio::awaitable<response> {
        co_return response{.fields = {{"X-A", "b\r\nX-C: d"}}};
    });
    add("GET", "/nothing", [](request) -> asio::awaitable<response> { co_return response{.status = 204}; });
    add("GET", "/bye", [](request) -> asio::awaitable<response> { co_return response{.close = true}; });
    add("GET", "/big", [](request) -> asio::awaitable<response> {
        co_return response{.body = std::string(20'000'000, 'b')};
    });
    add("GET", "/stream", [](request) -> asio::awaitable<response> {
        co_return response{.stream = three_pieces};
    });
    add("GET", "/silent-stream", [](request) -> asio::awaitable<response> {
        co_return response{.stream = silent_stream};
    });
    add("GET", "/broken-stream", [](request) -> asio::awaitable<response> {
        co_return response{.stream = broken_stream};
    });
    settings_.name = "test";
    settings_.limits.linger = 300ms;
}

server_test::~server_test() {
    if (thread_.joinable()) {
        if (server_) stop(0ms);
        on_loop([this] { server_.reset(); });
        work_.reset();
        thread_.join();
    }
}

void server_test::start() {
    server_ = std::make_unique<server>(loop_, settings_, routes_, metrics_);
    const auto listening = server_->listen();
    ASSERT_TRUE(listening.has_value());
    settings_.port = server_->port();
    server_->start();
    run();
}

void server_test::run() {
    thread_ = std::thread{[this] { loop_.run(); }};
}

void server_test::on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(loop_, [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

std::chrono::milliseconds server_test::stop(std::chrono::milliseconds grace) {
    const auto begun = std::chrono::steady_clock::now();
    auto done = asio::co_spawn(loop_, server_->stop(begun + grace), asio::use_future);
    done.get();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
}

reply server_test::ask(std::string_view raw) {
    raw_client client{settings_.port};
    client.send(raw);
    return client.receive();
}

double server_test::rejected(const std::string& reason) {
    return metrics_.counter(
                       "callhook_http_rejected_total", "", {{"listener", "test"}, {"reason", reason}}
    ).value();
}

double server_test::connections() {
    double open = 0;
    on_loop([&] { open = static_cast<double>(server_->connections()); });
    return open;
}

bool server_test::eventually(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

}  // namespace callhook::http
