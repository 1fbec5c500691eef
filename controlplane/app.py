"""Builds everything, starts it in one TaskGroup, and stops it in order. Takes no decisions."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from controlplane import telemetry
from controlplane.admin.certificates import CertificatePages
from controlplane.admin.guards import Guard
from controlplane.admin.pages import Pages
from controlplane.admin.servers import serve
from controlplane.convergence import Options
from controlplane.keeping import Keeping, NotKeeping, kept_objects
from controlplane.loop import Loop
from controlplane.publication import Publication
from controlplane.secure import assembly
from controlplane.settings import Settings, host_and_port
from controlplane.sources.files import NAME as FILES
from controlplane.sources.files import FileSource
from controlplane.sources.lastgood import LastGood
from controlplane.sources.store import Store
from controlplane.tasks import SystemClock, spawn
from controlplane.xds.grpcserver import Limits
from controlplane.xds.hub import Hub
from controlplane.xds.resources import Shelf
from controlplane.xds.rollout import Timing
from controlplane.xds.server import AdsServer
from translators import Memo

# A client that connects makes thousands of small values, none of them in a cycle. Python's default
# (700, 10, 10) walks through the whole World for them again and again: two thirds of a cold start.
_COLLECTOR = (100_000, 20, 50)


@dataclass(frozen=True, slots=True)
class Listening:
    """The ports that were bound."""

    ads: int
    http: int
    metrics: int
    secure: int


async def run(
    settings: Settings, *, started: Callable[[Listening], Awaitable[None]] | None = None
) -> None:
    """Serve until the task is cancelled, or SIGTERM or SIGINT arrives.

    Raises OSError when an address cannot be bound or a directory cannot be used, and ValueError or
    StateError when the CA's files cannot.
    """
    if not settings.config_dir.is_dir():
        raise NotADirectoryError(f"{settings.config_dir} is no directory")
    clock, metrics, log = SystemClock(), telemetry.Telemetry(), telemetry.log("app")
    journal = _journal(settings)
    kept = kept_objects(journal, settings.weights) if journal is not None else {}
    keeping = Keeping(journal) if journal is not None else NotKeeping()
    hub, memo, wake = Hub(), Memo(), asyncio.Event()
    secure = assembly.build(
        settings,
        hub,
        clock=clock,
        metrics=metrics,
        renewed=lambda seat: publication.renewed(seat, clock.monotonic()),
    )
    publication = Publication(hub, memo=memo, shelf=Shelf(), secrets=secure.keyring)
    hub.attend(publication)
    store = Store([FILES], weights=settings.weights, on_change=wake.set)
    lifetime = settings.connection_lifetime
    loop = Loop(
        store,
        publication,
        options=Options(
            missing_destination=settings.missing_destination,
            domain=settings.domain,
            root_namespace=settings.root_namespace,
            ready_wait=settings.ready_wait,
            switch_wait=settings.switch_wait,
            trust_domain=settings.trust_domain,
            trust_domain_aliases=settings.trust_domain_aliases,
            auto_mtls=settings.auto_mtls,
            connection_lifetime_ms=None if lifetime is None else round(lifetime * 1000),
        ),
        clock=clock,
        metrics=metrics,
        memo=memo,
        kept=kept,
        keeper=keeping,
        wake=wake,
    )
    source = FileSource(str(settings.config_dir), emit=store.apply, clock=clock)
    ads = AdsServer(
        hub,
        clock=clock,
        timing=Timing(stage_wait=settings.stage_wait, drain=settings.drain),
        limits=Limits(),
        metrics=metrics,
        ready=lambda: loop.ready,
        root_namespace=settings.root_namespace,
    )
    pages = Pages(
        loop,
        hub,
        metrics,
        guard=Guard(settings.root_namespace, metrics, secure.attestors),
        certificates=CertificatePages(hub, secure.keyring, secure.trust),
    )
    gc.set_threshold(*_COLLECTOR)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as servers:
        # what cannot be bound is said before anything else starts
        http = await serve(pages.http(), settings.http_address)
        servers.push_async_callback(http.stop)
        scrape = await serve(pages.metrics(), settings.metrics_address)
        servers.push_async_callback(scrape.stop)
        plain = await ads.start(settings.ads_address)
        servers.push_async_callback(ads.stop)
        listening = Listening(plain, http.port, scrape.port, await secure.start(ads))
        servers.push_async_callback(secure.stop)
        async with asyncio.TaskGroup() as group:
            tasks = [
                spawn(group, "files", source.run()),
                spawn(group, "loop", loop.run()),
                spawn(group, "keeping", keeping.run()),
                spawn(group, "settling", _settle(loop)),
                *secure.run(group),
            ]
            log.info(
                "listening",
                ads=listening.ads,
                http=listening.http,
                metrics=listening.metrics,
                secure=listening.secure,
                ads_host=host_and_port(settings.ads_address)[0],
                config=str(settings.config_dir),
            )
            if started is not None:
                await started(listening)
            await stop.wait()
            for task in tasks:
                task.cancel()
    log.info("stopped")


async def _settle(loop: Loop) -> None:
    """What the first World is made of stays: no collection need walk through it again."""
    await loop.passed()
    gc.collect()
    gc.freeze()


def _journal(settings: Settings) -> LastGood | None:
    if settings.state_dir is None:
        telemetry.log("app").warning(
            "no_state_directory",
            why="the root of the mesh's certificates and the last good specs end with the process",
        )
        return None
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LastGood(str(settings.state_dir))
