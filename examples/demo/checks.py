"""What the requests of a step must have been like. Pure: outcomes in, complaints out."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from examples.demo.ledger import Outcome

SIGMAS: Final = 4.5  # of chance that a split may be off: one in 150,000
FEWEST: Final = 30  # requests below which a share says nothing


@dataclass(frozen=True, slots=True)
class Expected:
    """What answers. `share` is v2's part of the requests without canary header, or
    None where nothing is said of it; `canary` is the version that those with it get."""

    route: str
    share: float | None = None
    canary: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """Of one Envoy or of several: Envoy's upstream_rq_retry, no_cluster and update_rejected."""

    retries: int = 0
    no_cluster: int = 0
    rejected: int = 0

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(
            self.retries + other.retries,
            self.no_cluster + other.no_cluster,
            self.rejected + other.rejected,
        )

    def __sub__(self, other: "Counters") -> "Counters":
        return Counters(
            self.retries - other.retries,
            self.no_cluster - other.no_cluster,
            self.rejected - other.rejected,
        )

    def __str__(self) -> str:
        return f"retries {self.retries}, no_cluster {self.no_cluster}, NACKs {self.rejected}"


def counters(stats: Mapping[str, int]) -> Counters:
    """Summed over all clusters, listeners and types of one Envoy's statistics."""
    found = {"upstream_rq_retry": 0, "no_cluster": 0, "update_rejected": 0}
    for name, value in stats.items():
        last = name.rsplit(".", 1)[-1]
        if last in found:
            found[last] += value
    return Counters(*found.values())


def plain(outcomes: Sequence[Outcome], expected: Expected) -> list[Outcome]:
    """The good ones that the split is about: without those that a canary rule takes."""
    return [o for o in outcomes if not o.error and not (expected.canary and o.canary)]


def share(outcomes: Sequence[Outcome], version: str) -> float:
    return sum(o.version == version for o in outcomes) / len(outcomes) if outcomes else 0.0


def complaints(outcomes: Sequence[Outcome], expected: Expected) -> list[str]:
    """Where `outcomes`, all of which started after the change showed, are not as expected."""
    good = [o for o in outcomes if not o.error]
    found = []
    strays = sorted({o.route for o in good if o.route != expected.route})
    if strays:
        found.append(f"answered by the routes {strays}, not only {expected.route!r}")
    if expected.canary:
        wrong = sorted({o.version for o in good if o.canary and o.version != expected.canary})
        if wrong:
            found.append(f"canary requests reached {wrong}")
    split = plain(outcomes, expected)
    if len(split) < FEWEST:
        found.append(f"{len(split)} requests are too few to judge")
    elif expected.share is not None:
        part, off = share(split, "v2"), tolerance(expected.share, len(split))
        if abs(part - expected.share) > off:
            found.append(f"v2 has {part:.1%} of {len(split)}, not {expected.share:.0%} ± {off:.1%}")
    return found


def tolerance(share: float, requests: int) -> float:
    """How far a share of that many independent requests may be off by chance."""
    return SIGMAS * math.sqrt(share * (1 - share) / requests)


def losses(failures: Sequence[Outcome], counted: Counters, *, stops: bool) -> list[str]:
    """What a step may not cost. `stops`: it ended a program, so that a proxy may have had to try
    again."""
    found = []
    if failures:
        last = failures[-1]
        found.append(f"{len(failures)} requests failed, the last with {last.error!r} ({last.flow})")
    if counted.no_cluster or counted.rejected or (counted.retries and not stops):
        found.append(f"the Envoys counted {counted}")
    return found


def strangers(outcomes: Iterable[Outcome], callers: Mapping[str, str]) -> list[str]:
    """Good requests whose caller the server knew as somebody else than `callers` says of their
    flow, or as nobody: those went in plaintext. Flows that are not there are not looked at."""
    wrong = Counter(
        (o.flow, o.caller)
        for o in outcomes
        if not o.error and o.caller != callers.get(o.flow, o.caller)
    )
    return [
        f"{number} requests of {flow} were of {caller or 'nobody that proved itself'}"
        for (flow, caller), number in sorted(wrong.items())
    ]


def unaccounted(sent: int, failed: int, served: int) -> list[str]:
    """Every good request was served exactly once: more means a hidden retry, fewer a lie. Of the
    failed ones nobody knows how far they got."""
    if sent - failed <= served <= sent:
        return []
    return [f"{sent} requests sent, {failed} of them failed, but the programs served {served}"]
