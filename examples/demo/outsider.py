"""Somebody who is not in the mesh: calls a Pod in plaintext, each time on a new connection."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from examples.demo.calls import Caller, CallError
from examples.demo.ledger import Ledger, Outcome

FLOW: Final = "plaintext, outside"
PAUSE_SECONDS: Final = 0.005
WAIT_SECONDS: Final = 15.0


class Outsider:
    """Answered calls are entered in the ledger. A refused one is no failure and was not served, so
    it is not."""

    def __init__(self, ledger: Ledger, open_one: Callable[[], Caller]) -> None:
        self._ledger = ledger
        self._open = open_one

    async def knock(self) -> Outcome:
        """One call; `error` says how it was refused."""
        caller, started = self._open(), time.perf_counter()
        try:
            reply = await caller.call(canary=False)
        except CallError as error:
            return Outcome(FLOW, started, time.perf_counter(), error=str(error))
        finally:
            await caller.close()
        outcome = Outcome(
            FLOW,
            started,
            time.perf_counter(),
            version=reply.version,
            pod=reply.pod,
            route=reply.route,
            caller=reply.caller,
            certificate=reply.certificate,
        )
        self._ledger.add(outcome)
        return outcome

    async def until(self, *, refused: bool) -> Outcome | None:
        """The first call that is refused, or answered; None when there is none for WAIT_SECONDS."""
        end = time.perf_counter() + WAIT_SECONDS
        while time.perf_counter() < end:
            outcome = await self.knock()
            if bool(outcome.error) is refused:
                return outcome
            await asyncio.sleep(PAUSE_SECONDS)
        return None

    async def several(self, seconds: float) -> list[Outcome]:
        """What becomes of calls for so long."""
        end, found = time.perf_counter() + seconds, list[Outcome]()
        while time.perf_counter() < end:
            found.append(await self.knock())
            await asyncio.sleep(PAUSE_SECONDS)
        return found
