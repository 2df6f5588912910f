"""What the log says of deliveries, and how it keeps quiet where the same is said again and again."""

import threading

from support.daemon import NO_SPOOL, wait_until
from support.metrics import metric
from support.payloads import body, call_event, documented

ABOUT_DELIVERIES = ("delivery accepted", "delivery quarantined")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def lines_of(daemon, *messages, start=0):
    return [line for line in daemon.log_lines(start) if line["message"] in messages]


def test_each_delivery_has_one_line(make_daemon):
    daemon = make_daemon({"log": {"level": "info"}}).start()
    called = daemon.deliver(body(call_event("call.missed", 77)), headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    said = daemon.deliver(documented()["new.message"])
    broken = daemon.deliver(b"not json")
    lines = wait_until(lambda: (found := lines_of(daemon, *ABOUT_DELIVERIES)) and len(found) >= 3 and found, 10, "three lines")
    of = {line["delivery"]: line for line in lines}
    assert list(of) == [called, said, broken] and len(lines) == 3
    for line in lines:
        assert line["source"] == "demo" and 0 < line["duration_us"] < 30_000_000
    assert (of[called]["level"], of[called]["event"], of[called]["call"]) == ("info", "call.missed", 77)
    assert of[called]["trace_id"] == TRACE
    assert of[said]["event"] == "new.message" and not {"call", "trace_id"} & set(of[said])
    assert (of[broken]["level"], of[broken]["message"]) == ("warning", "delivery quarantined")
    assert of[broken]["reason"] and "event" not in of[broken]


def test_a_burst_leaves_no_delivery_out(make_daemon):
    daemon = make_daemon({"log": {"level": "info"}}).start()
    taken = {id for id, _ in daemon.deliver_all([b"[" * (number + 1) for number in range(100)])}
    wait_until(lambda: {line["delivery"] for line in lines_of(daemon, "delivery quarantined")} == taken, 10, "a line each")


def test_the_same_warning_again_and_again_does_not_flood(make_daemon, postgres):
    daemon = make_daemon({**NO_SPOOL, "log": {"level": "info"}, "hooks": {"answer_timeout": "500ms"}}).start()
    postgres.stop()
    begin = daemon.log_file.stat().st_size
    before = metric(daemon, "callhook_log_messages_total", level="warn")
    answers = []

    def send():
        answers.extend(daemon.post(documented()["call.new"]).status for _ in range(10))

    senders = [threading.Thread(target=send) for _ in range(10)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    assert answers == [503] * 100
    refused = lines_of(daemon, "delivery refused", start=begin)
    assert len(refused) == 20 and all(line["source"] == "demo" and line["reason"] for line in refused)
    assert metric(daemon, "callhook_log_messages_total", level="warn") - before >= 100, "all are counted"
    assert daemon.stop() == 0
    told = [line for line in lines_of(daemon, "delivery refused", start=begin) if "left_out" in line]
    assert [line["left_out"] for line in told] == [80], "the end says how many there were"
