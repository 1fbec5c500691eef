"""The demo's children: started on a leash, watched, and ended by their own process id."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from examples.demo.layout import REPOSITORY, DemoError

LEASH: Final = Path(__file__).with_name("leash.py")
STOP_SECONDS: Final = 5.0
STEP_SECONDS: Final = 0.02
TAIL_LINES: Final = 12
TAIL_WIDTH: Final = 240


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def ended(self) -> bool:
        return self.process.returncode is not None

    def must_live(self) -> None:
        if self.ended:
            lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            tail = "\n".join(line[:TAIL_WIDTH] for line in lines)
            raise DemoError(f"{self.name} ended with {self.process.returncode}\n{tail}")


class Children:
    """All that run now."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, Child] = {}

    async def start(self, name: str, command: Sequence[str]) -> Child:
        log = self._logs / f"{name}.log"
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(LEASH), str(os.getpid()), *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                cwd=REPOSITORY,
                # Ctrl-C is for us alone: we end them in order
                start_new_session=True,
            )
        child = self._running[name] = Child(name, process, log)
        return child

    def must_live(self) -> None:
        """Raise what the first of them that ended on its own said."""
        for child in self._running.values():
            child.must_live()

    async def stop(self, name: str) -> None:
        """End it: politely, then not."""
        child = self._running.get(name)
        if child is None:
            return
        try:
            await _end(child.process)
        finally:
            if child.ended:
                self._running.pop(name, None)

    async def stop_all(self) -> None:
        await asyncio.gather(*(self.stop(name) for name in self._running.copy()))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def until_connects(child: Child, address: tuple[str, int], seconds: float = 15.0) -> None:
    """Until `child` accepts connections there."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                child.must_live()
                try:
                    _, writer = await asyncio.open_connection(*address)
                except OSError:
                    await asyncio.sleep(STEP_SECONDS)
                    continue
                writer.close()
                await writer.wait_closed()
                return
    except TimeoutError:
        where = f"{address[0]}:{address[1]}"
        raise DemoError(f"{child.name} does not listen on {where} after {seconds:g} s") from None
