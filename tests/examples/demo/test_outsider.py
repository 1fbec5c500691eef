import pytest

from examples.demo import outsider
from examples.demo.calls import Reply
from examples.demo.ledger import Ledger
from examples.demo.outsider import FLOW, Outsider
from tests.examples.demo.fake_calls import FakeCaller

ANSWER = Reply("v1", "pod", "")


class Door:
    """Answers `first` calls, then refuses; or the other way round."""

    def __init__(self, first: int, *, open_at_first: bool = True) -> None:
        self.calls = 0
        self.callers: list[FakeCaller] = []
        self._first = first
        self._open_at_first = open_at_first

    def caller(self) -> FakeCaller:
        self.callers.append(FakeCaller(self._reply))
        return self.callers[-1]

    def _reply(self) -> Reply | None:
        self.calls += 1
        return ANSWER if (self.calls <= self._first) is self._open_at_first else None


async def test_what_is_answered_is_entered_and_what_is_refused_is_no_failure() -> None:
    ledger, door = Ledger(), Door(3)
    refused = await Outsider(ledger, door.caller).until(refused=True)
    assert refused is not None
    assert refused.error == "gone"
    assert (door.calls, ledger.sent[FLOW], ledger.mark().failed) == (4, 3, 0)


async def test_each_call_has_a_connection_of_its_own() -> None:
    door = Door(2, open_at_first=False)
    answered = await Outsider(Ledger(), door.caller).until(refused=False)
    assert answered is not None
    assert (answered.version, answered.error) == ("v1", "")
    assert [len(one.canaries) for one in door.callers] == [1, 1, 1]
    assert all(one.closed for one in door.callers)


async def test_what_never_happens_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outsider, "WAIT_SECONDS", 0.05)
    assert await Outsider(Ledger(), Door(10**6).caller).until(refused=True) is None


async def test_what_becomes_of_several_is_all_there() -> None:
    found = await Outsider(Ledger(), Door(1).caller).several(0.1)
    assert [bool(one.error) for one in found[:3]] == [False, True, True]
