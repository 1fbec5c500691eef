"""A client that answers as it is told, without a network."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from examples.demo.calls import CallError, Reply


@dataclass
class FakeCaller:
    """`reply` gives the answer of each call, or None for a failure."""

    reply: Callable[[], Reply | None]
    canaries: list[bool] = field(default_factory=list)
    closed: bool = False

    async def call(self, *, canary: bool) -> Reply:
        # a failed caller's use after its end must not look like a call
        assert not self.closed
        self.canaries.append(canary)
        await _turn()
        if (answer := self.reply()) is None:
            raise CallError("gone")
        return answer

    async def close(self) -> None:
        self.closed = True
        await _turn()


async def _turn() -> None:
    await asyncio.sleep(0.0005)
