"""Arithmetic over repeated measurements. Pure."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measured number: of which figure and whose, what and in which unit, in which round, and by which command."""

    figure: str
    subject: str
    metric: str
    unit: str
    value: float
    round: int
    command: str = ""

    @property
    def key(self):
        return (self.figure, self.subject, self.metric)


@dataclasses.dataclass(frozen=True)
class Row:
    """All rounds of one number."""

    figure: str
    subject: str
    metric: str
    unit: str
    values: tuple

    @property
    def key(self):
        return (self.figure, self.subject, self.metric)

    @property
    def median(self):
        return median(self.values)

    @property
    def spread(self):
        return spread(self.values)


def median(values):
    return statistics.median(values)


def spread(values):
    """From the least to the greatest, as a part of the median; 0 of a single value or where the median is 0."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def ratio(value, of):
    """How many times `of` it is; None where there is no saying."""
    if value is None or not of:
        return None
    return value / of


def percentile(values, percent):
    """The smallest value that so many per cent of all do not exceed."""
    ordered = sorted(values)
    at = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(at) - 1, 0)]


def slope(points):
    """Of the straight line through (x, y) that fits best: how much y grows with x."""
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope if len(points) > 1 else 0.0


def keeps_up(points, rate):
    """Whether what is pending stays level under so many deliveries a second: (seconds, pending). Pure.

    In the second half of the run it grows by less than a fiftieth of the rate, or is never more than a quarter of a second of it:
    that is how far apart two moments of a batch are."""
    late = points[len(points) // 2 :]
    return len(late) >= 2 and (slope(late) <= 0.02 * rate or max(waiting for _, waiting in late) <= 0.25 * rate)


def rows_of(samples):
    """Samples of one key together, in the order in which the keys came first."""
    found = {}
    for sample in samples:
        found.setdefault(sample.key, []).append(sample)
    return [Row(*key, same[0].unit, tuple(sample.value for sample in same)) for key, same in found.items()]


def ratios(rows, ours="callhook"):
    """(figure, metric, peer, ours as a multiple of the peer's) wherever both were measured in the same figure."""
    medians = {row.key: row.median for row in rows}
    found = []
    for row in rows:
        mine = medians.get((row.figure, ours, row.metric))
        if row.subject != ours and mine is not None and (times := ratio(mine, row.median)) is not None:
            found.append((row.figure, row.metric, row.subject, times))
    return found
