"""What a series of faults came to: a line a rig, as a table and as JSON."""

import dataclasses
import json
import sys
import time

from rig.checker import Verdict

COLUMNS = ["rig", "rounds", "acked", "lost", "doubled", "holes", "other", "503", "unanswered", "seconds"]


@dataclasses.dataclass
class Tally:
    rig: str
    rounds: int = 0
    acked: int = 0
    refused: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    verdict: Verdict = dataclasses.field(default_factory=Verdict)
    control: str = ""  # what became of the rig's control
    proves: bool = True  # not where the control lost nothing

    def count(self, ledger):
        """Adds what a world's ledger holds, at the end of that world."""
        self.refused += ledger.refusals()
        self.unanswered += sum(a.outcome == "unknown" for a in ledger.attempts)
        self.acked += ledger.acked

    def take_control(self, what, lost):
        """`lost` by a control that must lose something; None where it could not be had."""
        self.proves = lost != 0
        self.control = f"the control, {what}, " + ("cannot be had here" if lost is None else f"lost {lost}")
        if not self.proves:
            self.control += ", so that this shows nothing"

    def row(self):
        v = self.verdict
        other = v.undecided + v.untold + v.refused
        return [
            *(self.rig, self.rounds, self.acked, v.lost, v.doubled, v.holes, other),
            *(self.refused, self.unanswered, round(self.seconds)),
        ]

    def clean(self):
        return self.proves and self.verdict.total() == 0


def table(tallies):
    rows = [COLUMNS, *(t.row() for t in tallies)]
    rows.append(["total", *(sum(column) for column in list(zip(*(t.row() for t in tallies)))[1:])])
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(COLUMNS))]
    lines = []
    for row in rows:
        first, *others = (str(value) for value in row)
        lines.append("  ".join([first.ljust(widths[0]), *(v.rjust(w) for v, w in zip(others, widths[1:]))]).rstrip())
    lines += [f"{t.rig}: {t.control}" for t in tallies if t.control]
    lines += [f"{t.rig}: {words}" for t in tallies for words in t.verdict.told]
    return "\n".join(lines)


def as_json(tallies, **about):
    rigs = [{**dict(zip(COLUMNS, t.row())), "violations": dataclasses.asdict(t.verdict), "control": t.control} for t in tallies]
    return json.dumps({**about, "rigs": rigs}, indent=2)


class Progress:
    """One line on a terminal, one line a while elsewhere."""

    def __init__(self, file=sys.stderr, every=30.0):
        self.file, self.every = file, every
        self.terminal = file.isatty()
        self.told = 0.0
        self.begun = time.monotonic()

    def show(self, tally, wanted, acked):
        """`acked`: those of the world that goes on."""
        text = f"{tally.rig}: {tally.rounds}/{wanted} rounds, {tally.acked + acked} acknowledged, {tally.verdict.total()} violations"
        text += f", {time.monotonic() - self.begun:.0f} s"
        if self.terminal:
            self.file.write(f"\r{text}\x1b[K")
        elif time.monotonic() - self.told >= self.every:
            self.told = time.monotonic()
            self.file.write(text + "\n")
        self.file.flush()

    def end(self):
        if self.terminal:
            self.file.write("\n")
            self.file.flush()
