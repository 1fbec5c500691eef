"""Named, guarded tasks, backoff and the clock: the one place where real time enters."""

import asyncio
import random
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol


class Clock(Protocol):
    """Time as a parameter: `monotonic` in seconds for intervals, `now` for people."""

    def monotonic(self) -> float: ...

    def now(self) -> datetime: ...


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


def spawn(
    group: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, None]
) -> asyncio.Task[None]:
    """Start `work` in `group` under a name that shows in debuggers and logs."""
    return group.create_task(work, name=name)


def backoff(attempt: int, *, base: float = 0.1, ceiling: float = 10.0) -> float:
    """Seconds to wait before try `attempt` (from 0): exponential, fully jittered."""
    return random.uniform(0, min(ceiling, base * 2.0**attempt))
