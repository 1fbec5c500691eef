"""The whole stack in this process: a memory source in front, a real ADS port at the end.

`put` returns when the loop has passed, `settled` when every proxy holds what it should. Nothing
here waits for a time to pass; the bounds only end what hangs.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane.admin.certificates import CertificatePages
from controlplane.admin.guards import Guard
from controlplane.admin.pages import Pages
from controlplane.admin.servers import serve
from controlplane.convergence import Options
from controlplane.keeping import NotKeeping
from controlplane.kinds import Key
from controlplane.loop import Loop
from controlplane.publication import Publication
from controlplane.secure import assembly
from controlplane.settings import Settings
from controlplane.sources.memory import NAME, MemorySource
from controlplane.sources.store import Store
from controlplane.tasks import SystemClock
from controlplane.telemetry import Telemetry
from controlplane.xds.grpcserver import Limits
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.resources import Shelf
from controlplane.xds.rollout import Timing
from controlplane.xds.server import AdsServer
from tests.fakes import pipeline, shop
from tests.fakes.strict_client import RDS, StrictEnvoy
from tests.features.client import Client, until
from translators import Memo
from translators.model import Proxy

Document = dict[str, Any]


class Mesh:
    """A control plane, and the clients that a test connects to it."""

    def __init__(
        self,
        stack: AsyncExitStack,
        *,
        options: Options,
        timing: Timing,
        workload_ttl: float = 86400.0,
        state_dir: Path | None = None,
    ) -> None:
        self._stack = stack
        self._wake = asyncio.Event()
        self.clock = SystemClock()
        self.metrics = Telemetry()
        self.memo = Memo()
        self.hub = Hub()
        self.secure = assembly.build(
            Settings(
                config_dir=Path("/"),
                secure_address="127.0.0.1:0",
                workload_ttl=workload_ttl,
                **({"state_dir": state_dir} if state_dir else {}),
            ),
            self.hub,
            clock=self.clock,
            metrics=self.metrics,
            renewed=lambda seat: publication.renewed(seat, self.clock.monotonic()),
        )
        publication = Publication(
            self.hub, memo=self.memo, shelf=Shelf(), secrets=self.secure.keyring
        )
        self.hub.attend(publication)
        self.publication = publication
        self.store = Store([NAME], on_change=self._wake.set)
        self.loop = Loop(
            self.store,
            publication,
            options=options,
            clock=self.clock,
            metrics=self.metrics,
            memo=self.memo,
            kept={},
            keeper=NotKeeping(),
            wake=self._wake,
        )
        self.ads = AdsServer(
            self.hub,
            clock=self.clock,
            timing=timing,
            limits=Limits(),
            metrics=self.metrics,
            ready=lambda: self.loop.ready,
        )
        self.port = 0
        self.secure_port = 0
        self.http = ""
        self.clients: list[Client] = []
        self._source: MemorySource | None = None

    async def start(self) -> None:
        """Open the ports; nothing is published before the source is listed."""
        self.port = await self.ads.start("127.0.0.1:0")
        self._stack.push_async_callback(self.ads.stop)
        self.secure_port = await self.secure.start(self.ads)
        self._stack.push_async_callback(self.secure.stop)
        made = Pages(
            self.loop,
            self.hub,
            self.metrics,
            guard=Guard("istio-system", self.metrics, self.secure.attestors),
            certificates=CertificatePages(self.hub, self.secure.keyring, self.secure.trust),
        )
        pages = await serve(made.http(), "127.0.0.1:0")
        self._stack.push_async_callback(pages.stop)
        self.http = f"http://127.0.0.1:{pages.port}"
        for name, work in (("loop", self.loop.run()), ("secure", self._identity())):
            task = asyncio.create_task(work, name=name)
            self._stack.push_async_callback(_ended, task)

    async def _identity(self) -> None:
        async with asyncio.TaskGroup() as group:
            self.secure.run(group)

    def token(self, namespace: str = shop.NAMESPACE, account: str = "default") -> str:
        """What a workload proves itself with, good for an hour."""
        return self.secure.tokens.issue(namespace, account, seconds=3600, now=self.clock.now())

    async def listed(self) -> None:
        """The source has told all that it has: the first World is published."""
        self._source = MemorySource(self.store)
        await self._passed()
        await until(lambda: self.loop.ready, "the first World")

    async def put(self, *documents: Document) -> None:
        assert self._source is not None
        self._source.put(*documents)
        await self._passed()

    async def delete(self, *keys: tuple[str, str]) -> None:
        """Remove objects of the namespace `shop`, given as (kind, name)."""
        assert self._source is not None
        self._source.delete(*(Key(kind, shop.NAMESPACE, name) for kind, name in keys))
        await self._passed()

    async def _passed(self) -> None:
        # a pass takes the wake-up away and publishes, without a pause in between
        await until(lambda: not self._wake.is_set(), "the loop has passed")
        self.consistent()

    def consistent(self) -> None:
        """No seat's snapshot may refer to what it does not have."""
        for seat in self.hub:
            assert seat.snapshot.consistent() == (), seat.id

    async def join(self, proxy: Proxy | None = None, *, delta: bool = True) -> Client:
        """A proxy that is connected and holds everything."""
        client = Client(self.port, proxy or pipeline.proxy(), StrictEnvoy(delta=delta, drain=0.0))
        self.clients.append(client)
        self._stack.push_async_callback(client.disconnect)
        await client.connect()
        await client.initialised()
        await self.settled()
        client.heard()
        return client

    async def settled(self) -> None:
        """Until nothing is left to be sent or acknowledged on any stream."""

        def rest() -> bool:
            return any(client.failure for client in self.clients) or not any(
                seat.session.open_names() for seat in self.hub
            )

        await until(rest, "every proxy holds what it should")
        for client in self.clients:
            client.check()

    async def joined(self, client: Client) -> None:
        """Until the client's stream has a seat, and has asked for routes."""
        await until(
            lambda: any(
                seat.proxy.id == client.proxy.id and seat.session.subscribed(RDS, table)
                for seat in self.hub
                for table in client.envoy.tables
            ),
            f"{client.proxy.name} has asked for its routes",
        )

    async def passes(self, condition: Callable[[], bool]) -> None:
        """Until `condition` holds; what a client finds broken meanwhile is said."""
        await until(lambda: condition() or any(c.failure for c in self.clients), "the condition")
        for client in self.clients:
            client.check()

    def seat(self, client: Client) -> Seat:
        (found,) = (seat for seat in self.hub if seat.proxy.id == client.proxy.id)
        return found

    def counted(self) -> "Count":
        """The counters as they are now, for `since`."""
        units = {unit.__name__: number for unit, number in self.memo.translated.items()}
        return Count(Counter(units), Counter(_samples(self.metrics)))

    def since(self, before: "Count") -> "Count":
        now = self.counted()
        return Count(now.translated - before.translated, now.metrics - before.metrics)


@dataclass(frozen=True)
class Count:
    """Units translated by type, and counters of the metrics by name and label."""

    translated: "Counter[str]"
    metrics: "Counter[str]"

    def sent(self) -> dict[str, int]:
        """Resources sent, by type."""
        prefix = "meshpilot_xds_sent_resources_total "
        return {
            name.removeprefix(prefix): number
            for name, number in self.metrics.items()
            if name.startswith(prefix)
        }


def _samples(metrics: Telemetry) -> dict[str, int]:
    return {
        " ".join((sample.name, *sample.labels.values())): int(sample.value)
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name.endswith("_total") or sample.name == "pilot_total_xds_rejects"
    }


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()  # what ended before it was told to, had a fault


@asynccontextmanager
async def running(
    *,
    listed: bool = True,
    workload_ttl: float = 86400.0,
    state_dir: Path | None = None,
    **options: Any,
) -> AsyncIterator[Mesh]:
    """A mesh that is up; without `listed`, one that has not read its source yet."""
    async with AsyncExitStack() as stack:
        mesh = Mesh(
            stack,
            options=Options(ready_wait=0.0, **options),
            timing=Timing(drain=0.0),
            workload_ttl=workload_ttl,
            state_dir=state_dir,
        )
        await mesh.start()
        if listed:
            await mesh.listed()
        yield mesh


def documents() -> list[Document]:
    """A shop with one HTTP service in two versions, split 90 to 10."""
    return [
        shop.service("web", {"app": "web"}),
        shop.rule({"v1": "v1", "v2": "v2"}),
        *(shop.pod(n, shop.PLACES[n][0], app="web", version=n) for n in ("v1", "v2")),
        shop.slice_of("web", "v1", "v2"),
        shop.routes("1", ("web", "v1", 90), ("web", "v2", 10), gateways=False),
    ]
