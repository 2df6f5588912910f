"""What the tests of backfill share: short times, and when a daemon has asked all it is going to ask."""

import datetime
import zoneinfo

from support.daemon import wait_until

# Short times, so that a test need not wait for what takes minutes in the field.
QUICK = {
    "backfill": {
        "sweep_interval": "1h",
        "settle": "500ms",
        "detail_delay": "100ms",
        "detail_again": "1h",
        "poll_interval": "50ms",
        "retry_first": "50ms",
        "retry_longest": "1s",
        "breaker_pause": "200ms",
        "widgets_interval": "1h",
    }
}
FAST = {"api_requests_per_minute": 60000, "api_burst": 100, "api_concurrency": 4}


def hours_ago(hours):
    """As the vendor's local time."""
    return (datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Warsaw")) - datetime.timedelta(hours=hours)).replace(tzinfo=None, microsecond=0)


def joined(*parts):
    settings = {}
    for part in parts:
        for section, keys in part.items():
            settings.setdefault(section, {}).update(keys)
    return settings


def sweeps(daemon):
    return daemon.database.value("SELECT count(*) FROM callhook.source_states WHERE swept_at IS NOT NULL")


def jobs_left(daemon):
    """Looks at calls that are under way or soon due."""
    return daemon.database.value(
        "SELECT count(*) FROM callhook.jobs WHERE kind = 'call' AND dead_at IS NULL"
        " AND (due_at <= now() + interval '10 s' OR leased_by IS NOT NULL)"
    )


def quiet(daemon):
    """Nothing waits and nothing is being asked for that is due."""
    head = daemon.database.value("SELECT position FROM callhook.feed_head")
    read = daemon.database.value("SELECT position FROM callhook.backfill_cursor")
    pending = daemon.database.value("SELECT count(*) FROM callhook.pending")
    return head == read and pending == 0 and jobs_left(daemon) == 0


def settle_all(daemon, timeout=120):
    wait_until(lambda: sweeps(daemon) >= 1, timeout, "the first sweep")
    wait_until(lambda: quiet(daemon), timeout, "nothing left to ask")
