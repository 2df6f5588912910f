"""What goes wrong with the simulated CallPage API, on demand."""

import dataclasses
import random

KINDS = {
    "slow": "answers after `seconds`",
    "status": "answers `status`, with Retry-After if `retry_after` is given",
    "has_error_200": "refuses in the body of a 200",
    "truncated": "announces the whole body, sends half of it and closes",
    "hang": "reads the request and never answers",
    "html": "answers 200 with a page for people",
    "garbage": "answers 200 with something that begins like JSON",
    "oversize": "answers 200 with `size` bytes of valid JSON",
    "wrong_identity": "gives records with somebody else's number and time",
    "nested_ids": "an account whose webhooks carry the nested call's id: requests have other ids, single calls go by the nested one",
}


@dataclasses.dataclass
class Fault:
    """Strikes every request that fits: `path` is how its path begins, `operation` its name in the log; of those only the
    `first` so many, only each `every`-th, and only at the `odds`."""

    kind: str
    seconds: float = 1.0
    status: int = 503
    retry_after: object = None
    size: int = 32 << 20
    path: str = ""
    operation: str = ""
    first: int = 0
    every: int = 1
    odds: float = 1.0
    seed: int = 1
    fitting: int = 0  # requests that fitted
    struck: int = 0  # and those of them that it struck

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {', '.join(KINDS)}")
        self.rng = random.Random(self.seed)

    def strikes(self, request):
        """Whether it strikes this one; called once for each request, one at a time."""
        if not request.path.startswith(self.path) or self.operation not in ("", request.operation):
            return False
        self.fitting += 1
        if (self.first and self.fitting > self.first) or self.fitting % self.every:
            return False
        hit = self.odds >= 1 or self.rng.random() < self.odds
        self.struck += hit
        return hit
