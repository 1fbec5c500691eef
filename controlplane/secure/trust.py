"""Rotation of the root in step with the proxies: a new root signs once every connected proxy has
acknowledged that it trusts it. Which step may follow is decided in sds.stages."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from controlplane import telemetry
from controlplane.secure.keyring import ROOT, Keyring
from controlplane.sources.inotify import Inotify
from controlplane.tasks import Clock
from controlplane.xds.hub import Hub
from sds.rotation import Facts, RotatingAuthority, Stage
from translators.wire import SECRET

# seconds between two looks: while proxies are awaited, and while nothing is
_SOON: Final = 0.2
_LATER: Final = 10.0
_TOGETHER: Final = 0.1


class Trust:
    """Moves the authority from stage to stage."""

    def __init__(
        self,
        authority: RotatingAuthority,
        keyring: Keyring,
        hub: Hub,
        *,
        clock: Clock,
    ) -> None:
        self._authority = authority
        self._keyring = keyring
        self._hub = hub
        self._clock = clock
        self._wake = asyncio.Event()
        self._log = telemetry.log("trust")
        self._said: tuple[object, ...] = ()

    @property
    def roots(self) -> bytes:
        """What is trusted now, PEM."""
        return self._authority.bundle.pem

    def facts(self) -> Facts:
        """How far the proxies are. Those that have their roots from elsewhere are not asked."""
        version = self._keyring.trust().version
        lagging = tuple(
            seat.id
            for seat in self._hub
            if seat.session.subscribed(SECRET, ROOT) and seat.session.holds(SECRET, ROOT) != version
        )
        return Facts(self._clock.now(), acknowledged=not lagging, lagging=lagging)

    def step(self) -> None:
        """Go on as far as it goes."""
        self._authority.advance(self.facts())
        self._tell()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            self.step()
            rotating = self._authority.status().stage is not Stage.STABLE
            try:
                async with asyncio.timeout(_SOON if rotating else _LATER):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def rotate(self) -> None:
        """Begin. Raises RotationError where that cannot be."""
        self._authority.rotate()
        self._log.info("root_rotation_begun")
        self._wake.set()

    def resume(self) -> None:
        """Go on without those who lag. Raises RotationError where nothing waits."""
        self._authority.resume()
        self._log.warning("root_rotation_resumed", why="an operator does not wait")
        self._wake.set()

    def reload(self) -> None:
        """Read files again that somebody else may have replaced."""
        found = self._authority.reload()
        if found.problem:
            self._log.error("ca_files_not_used", why=found.problem)
        elif found.changed:
            self._log.info("ca_files_read")
        self._wake.set()

    async def watch(self, directory: Path) -> None:
        """Read the files of `directory` again whenever one was put in place. Raises OSError."""
        inotify, seen, loop = Inotify(), asyncio.Event(), asyncio.get_running_loop()
        try:
            inotify.watch(str(directory))
            loop.add_reader(inotify.fileno(), lambda: _noted(inotify, seen))
            while True:
                await seen.wait()
                # several files belong together; what does not fit yet is not used anyway
                await asyncio.sleep(_TOGETHER)
                seen.clear()
                self.reload()
        finally:
            loop.remove_reader(inotify.fileno())
            inotify.close()

    def status(self) -> Mapping[str, Any]:
        """For people and for `meshpilot ca`."""
        status = self._authority.status()
        return {
            "stage": str(status.stage),
            "since": status.since,
            "signer": status.signer,
            "roots": [
                {
                    "fingerprint": root.fingerprint,
                    "subject": root.subject,
                    "not_after": root.not_after,
                    "signs": root.signs,
                }
                for root in status.roots
            ],
            "waiting": list(status.waiting),
            "next": status.next_step,
            "notes": list(status.notes),
            "problems": list(status.problems),
        }

    def _tell(self) -> None:
        status = self._authority.status()
        now = (status.stage, status.problems)
        if now == self._said:
            return
        self._said = now
        roots = [root.fingerprint[:16] for root in status.roots]
        self._log.info("ca", stage=str(status.stage), roots=roots, signer=status.signer[:16])
        for problem in status.problems:
            self._log.error("ca_problem", why=problem)


def _noted(inotify: Inotify, seen: asyncio.Event) -> None:
    if any(True for _ in inotify.read()):
        seen.set()
