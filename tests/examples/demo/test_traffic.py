import asyncio

from examples.demo.calls import Reply
from examples.demo.ledger import Ledger
from examples.demo.traffic import CANARY_EVERY, Flow, Traffic, request
from tests.examples.demo.fake_calls import FakeCaller

GOOD = Reply("v1", "pod", "route", "spiffe://me", "ab")


async def test_a_request_is_entered_with_its_answer() -> None:
    ledger = Ledger()
    outcome = await request(ledger, "a", FakeCaller(lambda: GOOD), canary=True)
    assert list(ledger.outcomes) == [outcome]
    assert (outcome.version, outcome.pod, outcome.route) == ("v1", "pod", "route")
    assert (outcome.caller, outcome.certificate) == ("spiffe://me", "ab")
    assert outcome.canary
    assert outcome.started <= outcome.ended


async def test_a_failure_is_entered_and_not_tried_again() -> None:
    ledger, caller = Ledger(), FakeCaller(lambda: None)
    outcome = await request(ledger, "a", caller, canary=False)
    assert outcome.error == "gone"
    assert len(caller.canaries) == 1
    assert ledger.mark().failed == 1


async def test_connections_are_kept_and_new_and_all_are_closed() -> None:
    ledger, opened = Ledger(), list[FakeCaller]()
    enough = asyncio.Event()

    def answer() -> Reply:
        if ledger.sent["a"] >= 200:
            enough.set()
        return GOOD

    def open_one() -> FakeCaller:
        opened.append(FakeCaller(answer))
        return opened[-1]

    traffic = Traffic(ledger, (Flow("a", open_one, 1_000_000),))
    async with asyncio.TaskGroup() as group:
        group.create_task(traffic.run())
        await enough.wait()
        traffic.stop()
    assert all(caller.closed for caller in opened)
    uses = sorted(len(caller.canaries) for caller in opened)
    assert uses[-2] > 10  # the two workers that keep theirs
    assert set(uses[:-2]) == {1}
    assert len(opened) > 10
    assert sum(uses) == ledger.sent["a"]
    kept = max(opened, key=lambda caller: len(caller.canaries)).canaries
    assert [n for n, canary in enumerate(kept, 1) if canary] == list(
        range(CANARY_EVERY, len(kept) + 1, CANARY_EVERY)
    )
