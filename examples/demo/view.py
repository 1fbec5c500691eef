"""The terminal: tables that live, and the same facts as plain lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from examples.demo.checks import Counters
from examples.demo.fleet import ProxyState, Said
from examples.demo.ledger import Ledger, Outcome
from examples.demo.steps import Played
from examples.demo.trust import Certificate, Rotation, short

WINDOW_SECONDS: Final = 3.0
TYPES: Final = {
    "Cluster": "CDS",
    "ClusterLoadAssignment": "EDS",
    "Listener": "LDS",
    "RouteConfiguration": "RDS",
}


@dataclass(slots=True)
class Board:
    """What there is to see now."""

    flows: tuple[str, ...]
    ledger: Ledger
    config: str
    proxies: Sequence[ProxyState] = ()
    counters: Mapping[str, Counters] = field(default_factory=dict)
    verdicts: Sequence[Said] = ()
    certificates: Sequence[Certificate] = ()
    rotation: Rotation | None = None
    served: Mapping[str, int] = field(default_factory=dict)
    played: list[Played] = field(default_factory=list)
    doing: str = "starting"

    def tell(self, doing: str) -> None:
        self.doing = doing

    def render(self, now: float, height: int) -> RenderableType:
        """Everything, with as many of the last steps as a terminal of `height` lines has room
        for."""
        spoken = [v for v in self.verdicts if v.severity != "info"]
        parts: list[RenderableType] = [self._traffic(now), self._proxies()]
        if self.rotation is not None:
            parts.append(Text(trusted(self.rotation), no_wrap=True))
        room = height - len(self.flows) - len(self.proxies) - len(spoken) - 14
        if self.played:
            parts.append(self._story(max(1, room)))
        parts += [Text(f"{v.kind} {v.name}: {v.reason}: {v.message}", "yellow") for v in spoken]
        served = ", ".join(f"{name} {number}" for name, number in self.served.items())
        parts.append(Text(f"sent {self.ledger.mark().sent}; served by {served}", no_wrap=True))
        parts.append(Text(f"edit {self.config} and watch; Ctrl-C ends everything", "dim"))
        return Panel(Group(*parts), title=f"meshpilot demo: {self.doing}")

    def _traffic(self, now: float) -> Table:
        table = _table("traffic", "requests/s", "by version", "by Pod", "failed")
        recent = list(self.ledger.ended_since(now - WINDOW_SECONDS))
        for flow in self.flows:
            seen = [o for o in recent if o.flow == flow]
            failed = self.ledger.failed[flow]
            table.add_row(
                flow,
                f"{len(seen) / WINDOW_SECONDS:.0f}",
                shares([o.version for o in seen if not o.error]),
                shares([o.pod for o in seen if not o.error]),
                Text(str(failed), "red" if failed else "green"),
            )
        return table

    def _proxies(self) -> Table:
        table = _table(
            *("proxy", "generation", "acknowledged", "held back"),
            *("retries", "no_cluster", "NACKs", "proven as", "until (UTC)"),
        )
        certificates = {one.name: one for one in self.certificates}
        for state in self.proxies:
            counted = self.counters.get(state.name, Counters())
            proven = certificates.get(state.name, Certificate(state.name, ""))
            table.add_row(
                f"{state.name} ({state.kind})",
                str(state.generation),
                acknowledged(state),
                ", ".join(state.held_back),
                str(counted.retries),
                str(counted.no_cluster),
                str(counted.rejected),
                proven.identity.removeprefix("spiffe://cluster.local/"),
                until(proven),
            )
        return table

    def _story(self, most: int) -> Table:
        table = _table("step", "file write to first request", "failed", "what was seen")
        for column, width in zip(table.columns, (29, 36, 6), strict=False):
            column.min_width = width
        table.columns[-1].no_wrap = False  # the only one that gives way in a narrow terminal
        for played in self.played[-most:]:
            table.add_row(
                Text(f"{mark(played)} {played.title}", "red" if played.problems else "green"),
                times(played),
                str(played.failed),
                Text("; ".join(played.problems or played.notes.facts), no_wrap=True),
            )
        return table


def line(played: Played) -> list[str]:
    """A step as plain lines."""
    first = f"{mark(played)} {played.title:<28} {times(played)}".rstrip()
    second = [
        *played.notes.facts,
        f"{played.sent} requests, {played.failed} failed",
        f"client's sidecar: {played.client}",
    ]
    return [first, "    " + "; ".join(second), *(f"    PROBLEM {p}" for p in played.problems)]


def mark(played: Played) -> str:
    return "✗" if played.problems else "✓"


def times(played: Played) -> str:
    """`sidecar 8.1 ms, ingress 9.0 ms`, with what was timed where it is not the first request."""
    parts = []
    for what, ways in played.notes.times:
        text = ", ".join(f"{way} {ms:.1f} ms" for way, ms in sorted(ways.items(), reverse=True))
        parts.append(f"{what}: {text}" if what else text)
    return "; ".join(parts)


def acknowledged(state: ProxyState) -> str:
    """The generation when all types agree, else each one's."""
    numbers = set(state.acked.values())
    each = " ".join(f"{TYPES.get(k, k)} {v}" for k, v in state.acked.items())
    text = str(numbers.pop()) if len(numbers) == 1 else each
    return f"{text}, {state.nacks} NACKs" if state.nacks else text


def trusted(rotation: Rotation) -> str:
    """`CA: SIGNING; trusted roots 3fc0…, 9a1b… (signs)`."""
    roots = (f"{short(r)}{' (signs)' if r == rotation.signer else ''}" for r in rotation.roots)
    return f"CA: {rotation.stage}; trusted roots {', '.join(roots)}"


def until(found: Certificate) -> str:
    """`21:04:11`, marked while the proxy has not acknowledged it."""
    if found.end is None:
        return found.state
    return f"{found.end:%H:%M:%S}{'' if found.acknowledged else ', not acknowledged'}"


def status(ledger: Ledger, flows: Sequence[str], now: float) -> str:
    """One line for those without a live terminal."""
    recent: list[Outcome] = list(ledger.ended_since(now - WINDOW_SECONDS))
    parts = []
    for flow in flows:
        versions = [o.version for o in recent if o.flow == flow and not o.error]
        parts.append(f"{flow}: {shares(versions)}")
    return f"{' | '.join(parts)} | failed {ledger.failed.total()}"


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, expand=True, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def shares(values: Sequence[str]) -> str:
    """`v1 90 %, v2 10 %`."""
    return ", ".join(
        f"{value} {values.count(value) / len(values):.0%}" for value in sorted(set(values))
    )
