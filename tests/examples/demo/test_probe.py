import time
from functools import partial

import pytest

from examples.demo import probe
from examples.demo.calls import Reply
from examples.demo.ledger import Ledger
from examples.demo.probe import Probe
from tests.examples.demo.fake_calls import FakeCaller

OLD, NEW = Reply("v1", "a", "old"), Reply("v1", "b", "new")


class Mesh:
    """Answers OLD until it is written to; `slow` further answers of OLD on each way after that."""

    def __init__(self, slow: int = 0) -> None:
        self.written = float("inf")
        self._slow = dict.fromkeys(("sidecar", "ingress"), slow)

    def write(self) -> float:
        self.written = time.perf_counter()
        return self.written

    def callers(self) -> dict[str, FakeCaller]:
        return {way: FakeCaller(partial(self._reply, way)) for way in self._slow}

    def _reply(self, way: str) -> Reply:
        if self.written == float("inf"):
            return OLD
        self._slow[way] -= 1
        return NEW if self._slow[way] < 0 else OLD


async def test_the_first_request_that_shows_the_change_is_timed_on_each_way() -> None:
    mesh, ledger = Mesh(slow=3), Ledger()
    shown = await Probe(ledger, mesh.callers()).after(mesh.write, lambda o: o.route == "new")
    assert shown.missing == []
    assert shown.written == mesh.written
    for way in ("sidecar", "ingress"):
        seen = [o for o in reversed(ledger.outcomes) if o.flow == f"probe, {way}"][::-1]
        [first] = [o for o in seen if o.route == "new"]
        assert shown.at[way] == first.ended > mesh.written
        assert first is seen[-1]  # and nothing is sent when it is found


async def test_what_never_shows_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SHOW_SECONDS", 0.01)
    mesh = Mesh()
    shown = await Probe(Ledger(), mesh.callers()).after(mesh.write, lambda o: o.route == "other")
    assert shown.missing == ["sidecar", "ingress"]
    assert shown.milliseconds == {}


async def test_the_last_request_that_met_the_old_is_timed() -> None:
    mesh, ledger = Mesh(slow=2), Ledger()
    shown = await Probe(ledger, mesh.callers()).last(
        mesh.write, lambda o: o.pod == "a", seconds=0.6
    )
    assert shown.missing == []
    last = max(o.ended for o in ledger.outcomes if o.pod == "a")
    assert max(shown.at.values()) == last > mesh.written


async def test_what_is_met_all_the_time_is_missing() -> None:
    mesh = Mesh()
    shown = await Probe(Ledger(), mesh.callers()).last(mesh.write, lambda _: True, seconds=0.05)
    assert shown.missing == ["sidecar", "ingress"]
