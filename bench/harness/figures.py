"""The figures by name, in the order in which a round takes them."""

import dataclasses
from collections.abc import Callable

from harness import delay, feed, footprint, growth, ingest, renewal, sustained


@dataclasses.dataclass(frozen=True)
class Figure:
    """`needs`: peers that npm installs, or `programs` that are built. `once`: in the first round alone unless asked for by name or
    by --full. `asked`: only with --large or by name."""

    name: str
    measure: Callable
    needs: tuple = ()
    once: bool = False
    asked: bool = False

    @property
    def about(self):
        return " ".join((self.measure.__doc__ or "").split())


FIGURES = (
    Figure("burst", ingest.burst, ("fastify", "nodered", "programs")),
    Figure("half", delay.half),
    Figure("http", ingest.http, ("programs",)),
    Figure("sustained", sustained.sustained, ("fastify",)),
    Figure("delay", delay.delay),
    Figure("pages", feed.pages, once=True),
    Figure("streams", feed.streams, ("programs",), once=True),
    Figure("footprint", footprint.footprint, ("fastify",), once=True),
    Figure("rebuild", renewal.rebuild, once=True),
    Figure("backfill", renewal.backfill, once=True),
    Figure("growth", growth.growth, asked=True),
)
