#include "feed/nats/connection.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <nats/nats.h>
#include <string_view>

namespace callhook::feed::nats {

namespace {

using steady = std::chrono::steady_clock;

/// How often a wait looks whether it was cancelled.
constexpr std::chrono::milliseconds slice{50};
constexpr std::size_t longest_shown = 300;
constexpr int pings_unanswered = 2;

template <auto Destroy>
struct destroyer {
    template <class T>
    void operator()(T* what) const {
        Destroy(what);
    }
};
using options_pointer = std::unique_ptr<natsOptions, destroyer<natsOptions_Destroy>>;
using connection_pointer = std::unique_ptr<natsConnection, destroyer<natsConnection_Destroy>>;
using subscription_pointer = std::unique_ptr<natsSubscription, destroyer<natsSubscription_Destroy>>;
using message_pointer = std::unique_ptr<natsMsg, destroyer<natsMsg_Destroy>>;

/// What the library says of a failure, without its source files. It was given no URL with a login, so there
/// is none to be repeated.
error failed(const std::string& what, natsStatus status) {
    std::string text = natsStatus_GetText(status);
    natsStatus last = NATS_OK;
    const char* said = nats_GetLastError(&last);
    if (said && last == status) {
        std::string_view detail{said};
        if (detail.starts_with('(')) detail.remove_prefix(std::min(detail.find("): ") + 3, detail.size()));
        if (!detail.empty() && detail != text) text += ": " + std::string{detail};
    }
    text = escape_controls(std::string_view{text}.substr(0, longest_shown));
    return error{status == NATS_TIMEOUT ? errc::timed_out : errc::unavailable, what + ": " + text};
}

/// The library would print to stderr.
void say_nothing(natsConnection*, natsSubscription*, natsStatus, void*) {}

/// Runs one call of the library after the other, until one fails.
class steps {
public:
    template <class Call, class... Arguments>
    steps& operator()(Call call, Arguments... arguments) {
        if (status_ == NATS_OK) status_ = call(arguments...);
        return *this;
    }
    [[nodiscard]] natsStatus status() const noexcept { return status_; }

private:
    natsStatus status_ = NATS_OK;
};

const char* or_null(const std::string& text) {
    return text.empty() ? nullptr : text.c_str();
}

void add_login(steps& set, natsOptions* options, const server& where, const credentials& who) {
    if (!where.user.empty())
        set(natsOptions_SetUserInfo, options, where.user.c_str(), where.password.reveal().c_str());
    if (!where.token.empty()) set(natsOptions_SetToken, options, where.token.reveal().c_str());
    if (!who.user_file.empty())
        set(natsOptions_SetUserCredentialsFromFiles, options, who.user_file.c_str(), nullptr);
}

void add_tls(steps& set, natsOptions* options, const server& where, const credentials& who) {
    if (!where.tls && !who.tls()) return;
    set(natsOptions_SetSecure, options, true);
    if (!who.authorities_file.empty())
        set(natsOptions_LoadCATrustedCertificates, options, who.authorities_file.c_str());
    if (!who.certificate_file.empty())
        set(natsOptions_LoadCertificatesChain, options, or_null(who.certificate_file), or_null(who.key_file));
    // Not left to how the library was built.
    set(natsOptions_SetExpectedHostname, options, where.host.c_str());
}

std::string_view text_of(const message_pointer& from) {
    return {natsMsg_GetData(from.get()), static_cast<std::size_t>(natsMsg_GetDataLength(from.get()))};
}

/// What a message must follow: the stream's last sequence, and the id there where it is one of this batch.
/// The sequence alone would let a message in after a stranger's, which stands where the one before should;
/// the id alone is forgotten by a server that restarts after the duplicate window has passed.
struct predecessor {
    std::int64_t sequence = 0;
    std::string id{};
};

result<message_pointer> make_message(
    const message& what, const std::string& reply, const std::string& stream, const predecessor& after
) {
    natsMsg* made = nullptr;
    steps make;
    make(
        natsMsg_Create,
        &made,
        what.subject.c_str(),
        reply.c_str(),
        what.body.data(),
        static_cast<int>(what.body.size())
    );
    message_pointer out{made};
    make(natsMsgHeader_Set, made, "Nats-Msg-Id", what.id.c_str());
    make(natsMsgHeader_Set, made, "Nats-Expected-Stream", stream.c_str());
    make(natsMsgHeader_Set, made, "Nats-Expected-Last-Sequence", std::to_string(after.sequence).c_str());
    if (!after.id.empty()) make(natsMsgHeader_Set, made, "Nats-Expected-Last-Msg-Id", after.id.c_str());
    make(natsMsgHeader_Set, made, "Content-Type", "application/cloudevents+json");
    if (make.status() != NATS_OK) return failed("cannot make a message", make.status());
    return out;
}

}  // namespace

struct connection::impl {
    std::chrono::milliseconds timeout{0};
    connection_pointer link;
    /// Takes the answers to everything: `<inbox>.<question>.<number within it>`.
    std::string inbox;
    subscription_pointer answers;
    std::uint64_t question = 0;

    std::string next_question() { return inbox + "." + std::to_string(++question) + "."; }

    /// The next answer to the question; nothing where `status` says that something is wrong.
    message_pointer next_answer(
        std::string_view question,
        steady::time_point deadline,
        const std::atomic<bool>& cancelled,
        natsStatus& status
    ) {
        for (;;) {
            const auto now = steady::now();
            if (cancelled || now >= deadline) {
                status = NATS_TIMEOUT;
                return {};
            }
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
            natsMsg* received = nullptr;
            status = natsSubscription_NextMsg(&received, answers.get(), std::min(left, slice).count());
            message_pointer out{received};
            if (status == NATS_TIMEOUT) continue;
            if (status != NATS_OK) return {};
            // One that came too late for its question is of no interest any more.
            if (std::string_view{natsMsg_GetSubject(received)}.starts_with(question)) return out;
        }
    }
};

connection::connection() : impl_{std::make_unique<impl>()} {}

connection::~connection() = default;

result<void> connection::open(
    const server& where, const credentials& who, std::chrono::milliseconds timeout
) {
    impl_->timeout = timeout;
    natsOptions* made = nullptr;
    steps set;
    set(natsOptions_Create, &made);
    const options_pointer options{made};
    // Whoever reconnects has to look at the stream anew, so the library does not.
    const auto url = "nats://" + shown(where);
    set(natsOptions_SetURL, made, url.c_str())(natsOptions_SetAllowReconnect, made, false);
    set(natsOptions_SetIgnoreDiscoveredServers, made, true);
    set(natsOptions_SetName, made, "callhook")(natsOptions_SetErrorHandler, made, say_nothing, nullptr);
    set(natsOptions_SetTimeout, made, timeout.count())(natsOptions_SetWriteDeadline, made, timeout.count());
    set(natsOptions_SetPingInterval, made, timeout.count());
    set(natsOptions_SetMaxPingsOut, made, pings_unanswered);
    add_login(set, made, where, who);
    add_tls(set, made, where, who);
    if (set.status() != NATS_OK) return failed("the settings of the connection do not work", set.status());

    natsConnection* link = nullptr;
    natsSubscription* answers = nullptr;
    natsInbox* inbox = nullptr;
    steps connect;
    connect(natsConnection_Connect, &link, made);
    impl_->link.reset(link);
    connect(natsInbox_Create, &inbox);
    if (inbox) impl_->inbox = inbox;
    natsInbox_Destroy(inbox);
    connect(natsConnection_SubscribeSync, &answers, link, (impl_->inbox + ".*.*").c_str());
    impl_->answers.reset(answers);
    connect(natsSubscription_SetPendingLimits, answers, -1, -1);
    if (connect.status() != NATS_OK) return failed("cannot connect to " + shown(where), connect.status());
    return {};
}

result<std::string> connection::request(const std::string& subject, const std::string& body) {
    const auto question = impl_->next_question();
    const auto deadline = steady::now() + impl_->timeout;
    auto status = natsConnection_PublishRequest(
        impl_->link.get(),
        subject.c_str(),
        (question + "0").c_str(),
        body.data(),
        static_cast<int>(body.size())
    );
    message_pointer answer;
    if (status == NATS_OK) answer = impl_->next_answer(question, deadline, cancelled_, status);
    if (cancelled_) return error{errc::cancelled, "stopped"};
    if (status == NATS_NO_RESPONDERS)
        return error{errc::unavailable, "the NATS server has no JetStream for this user"};
    if (!answer) return failed("the NATS server does not answer", status);
    return std::string{text_of(answer)};
}

published connection::publish(
    const std::string& stream, const std::vector<message>& batch, std::int64_t after
) {
    published out{0, 0, after, {}};
    const auto question = impl_->next_question();
    const auto deadline = steady::now() + impl_->timeout;
    std::vector<std::optional<result<acknowledgement>>> answers;
    predecessor before{after, {}};
    for (const auto& one : batch) {
        const auto made = make_message(one, question + std::to_string(answers.size()), stream, before);
        before = {before.sequence + 1, one.id};
        auto status = made ? natsConnection_PublishMsg(impl_->link.get(), made->get()) : NATS_ERR;
        if (status == NATS_MAX_PAYLOAD) {
            out.trouble = error{
                errc::overloaded,
                "the event " + one.id + " has " + std::to_string(one.body.size()) +
                    " bytes, more than the NATS server's max_payload allows"};
        } else if (status != NATS_OK) {
            out.trouble = made ? failed("cannot publish", status) : made.error();
        }
        if (status != NATS_OK) break;
        answers.emplace_back();
    }
    for (std::size_t waiting = answers.size(); waiting > 0;) {
        auto status = NATS_OK;
        const auto answer = impl_->next_answer(question, deadline, cancelled_, status);
        if (!answer) {
            if (cancelled_)
                out.trouble = error{errc::cancelled, "stopped"};
            else if (status == NATS_NO_RESPONDERS)
                out.trouble =
                    error{errc::unavailable, "no stream takes the subject " + batch.front().subject};
            else
                out.trouble = failed("the stream does not acknowledge", status);
            break;
        }
        const std::string_view subject{natsMsg_GetSubject(answer.get())};
        const auto number = parse_integer<std::size_t>(subject.substr(question.size()));
        if (!number || *number >= answers.size() || answers[*number]) continue;
        --waiting;
        answers[*number] = read_acknowledgement(text_of(answer));
    }
    // Only what nothing is missing before counts.
    for (const auto& one : answers) {
        if (!one) break;
        if (!*one) {
            out.trouble = one->error();
            break;
        }
        ++out.acknowledged;
        if ((*one)->duplicate) continue;
        ++out.stored;
        out.last_sequence = (*one)->sequence;
    }
    return out;
}

}  // namespace callhook::feed::nats
