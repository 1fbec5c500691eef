"""Which specs are kept for the next start: those in force, and those that routes in force still
need although they are no longer written."""

import asyncio
from collections.abc import Mapping

from controlplane import telemetry
from controlplane.convergence import World
from controlplane.convergence.records import ServiceId
from controlplane.convergence.world import Mesh
from controlplane.kinds import Key, Object, Refusal, decode
from controlplane.sources.lastgood import LastGood
from controlplane.tasks import spawn

# what is as it is, and not as somebody wrote it, is read again from the world; keys are never
# written down
_NOT_KEPT = frozenset({"Pod", "EndpointSlice", "Namespace", "Secret"})
Raw = Mapping[str, object]


def kept_objects(journal: LastGood, weights: str) -> dict[Key, Object]:
    """What was in force when the process ended, as far as it still decodes."""
    found: dict[Key, Object] = {}
    for key, raw in journal.load().items():
        decoded = decode(raw, weights="relative" if weights == "relative" else "exact")
        if isinstance(decoded, Object) and decoded.key == key:
            found[key] = decoded
        elif isinstance(decoded, Refusal):
            telemetry.log("keeping").warning("kept_spec_refused", what=str(key))
    return found


class Keeping:
    """Gathers what is to be kept, and writes it off the hot path."""

    def __init__(self, journal: LastGood) -> None:
        self._journal = journal
        self._postponed: set[Key] = set()
        self._pending: dict[Key, Raw | None] = {}
        self._wake = asyncio.Event()
        self._log = telemetry.log("keeping")

    def keep(self, before: World, after: World) -> None:
        """Note what `after` has changed. An object that routes in force need as it was stays as
        it was."""
        keys = {key for key in after.changed if key.kind not in _NOT_KEPT} | self._postponed
        if not keys:
            return
        self._postponed = set()
        for key in keys:
            if _needed(before.mesh, after.mesh, key):
                self._postponed.add(key)
                continue
            source = after.in_force if key.kind == "VirtualService" else after.accepted
            item = source.get(key)
            self._pending[key] = item.raw if item is not None else None
        if self._pending:
            self._wake.set()

    async def run(self) -> None:
        """Write what has gathered, in a thread; at the end what is left."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    await spawn(group, "keep-last-good", self._write())
        finally:
            self._flush(self._take())

    async def _write(self) -> None:
        await asyncio.to_thread(self._flush, self._take())

    def _take(self) -> dict[Key, Raw | None]:
        pending, self._pending = self._pending, {}
        return pending

    def _flush(self, changes: dict[Key, Raw | None]) -> None:
        self._journal.record(changes.items())
        for problem in self._journal.problems:
            self._log.warning("not_kept", error=problem)
        self._journal.problems.clear()


class NotKeeping:
    """Without a state directory nothing outlives the process."""

    def keep(self, before: World, after: World) -> None:
        return

    async def run(self) -> None:
        return


def _needed(before: Mesh, after: Mesh, key: Key) -> bool:
    """Whether something of the object, as it was kept, is retained for routes in force."""
    if key.kind in ("Service", "ServiceEntry"):
        services = (*before.declared.get(key, ()), *after.declared.get(key, ()))
        ids = {ServiceId(service.hostname, service.namespace) for service in services}
        return not ids.isdisjoint(after.retained)
    if key.kind == "DestinationRule":
        return any(
            policy.retained and namespace == key.namespace
            for (namespace, _), policy in after.policies.items()
        )
    return False
