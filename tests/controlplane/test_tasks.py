"""The clock, named tasks and backoff."""

import asyncio
from datetime import UTC

from controlplane.tasks import SystemClock, backoff, spawn


async def test_a_task_has_its_name() -> None:
    names: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        names.append(task.get_name())

    async with asyncio.TaskGroup() as group:
        spawn(group, "sweep", work())
    assert names == ["sweep"]


def test_backoff_grows_to_its_ceiling() -> None:
    for attempt in range(40):
        for _ in range(20):
            assert 0 <= backoff(attempt, base=0.1, ceiling=2.0) <= min(2.0, 0.1 * 2**attempt)
    assert len({backoff(9) for _ in range(20)}) > 1


def test_the_clock_goes_forward_and_knows_its_zone() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.now().tzinfo is UTC
