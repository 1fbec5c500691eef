"""The Unix socket beside the secure port: who may open it, and what is left of it."""

import stat
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest

from controlplane.secure import assembly
from controlplane.settings import Settings
from controlplane.tasks import SystemClock
from controlplane.telemetry import Telemetry
from controlplane.xds.grpcserver import Limits
from controlplane.xds.hub import Hub
from controlplane.xds.rollout import Timing
from controlplane.xds.server import SERVICE, AdsServer
from tests.fakes import pipeline
from tests.features.client import BOUND
from tests.features.secure import agentless, bearer
from translators.wire import CLUSTER


class Socketed:
    """A secure port with a socket at `path`."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock, hub, metrics = path, SystemClock(), Hub(), Telemetry()
        self.secure = assembly.build(
            Settings(config_dir=Path("/"), secure_address="127.0.0.1:0", secure_socket=path),
            hub,
            clock=self.clock,
            metrics=metrics,
            renewed=lambda seat: None,
        )
        self.ads = AdsServer(
            hub,
            clock=self.clock,
            timing=Timing(),
            limits=Limits(),
            metrics=metrics,
            ready=lambda: True,
        )

    async def ask(self, *metadata: tuple[str, str]) -> tuple[str, str]:
        """How a stream over the socket ends that asks for what is not a resource type."""
        async with grpc.aio.insecure_channel(f"unix:{self.path}") as channel:
            call: Any = channel.stream_stream(f"/{SERVICE}/StreamAggregatedResources")(
                metadata=metadata, timeout=BOUND
            )
            request = DiscoveryRequest(node=agentless(pipeline.proxy("cart")), type_url=CLUSTER)
            request.type_url = "unknown"
            await call.write(request.SerializeToString())
            return (await call.code()).name, await call.details() or ""


async def test_it_works_with_a_token_and_not_without(tmp_path: Path) -> None:
    made = Socketed(tmp_path / "xds.sock")
    await made.secure.start(made.ads)
    try:
        token = made.secure.tokens.issue("shop", "cart", seconds=60, now=made.clock.now())
        # known, and not of the root namespace
        assert (await made.ask(*bearer(token)))[0] == "PERMISSION_DENIED"
        for shown in ((), bearer("garbage")):
            assert await made.ask(*shown) == ("UNAUTHENTICATED", "authentication failure")
    finally:
        await made.secure.stop()


async def test_owner_and_group_may_open_it_and_it_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "xds.sock"
    # left behind by a process that crashed
    path.write_text("stale")
    made = Socketed(path)
    await made.secure.start(made.ads)
    try:
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660
    finally:
        await made.secure.stop()
    assert not path.exists()


async def test_files_that_are_made_later_have_the_mode_they_always_had(tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.touch()
    made = Socketed(tmp_path / "xds.sock")
    await made.secure.start(made.ads)
    await made.secure.stop()
    after = tmp_path / "after"
    after.touch()
    assert after.stat().st_mode == before.stat().st_mode


async def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    made = Socketed(tmp_path / "nowhere" / "xds.sock")
    with pytest.raises(OSError, match="nowhere"):
        await made.secure.start(made.ads)
    await made.secure.stop()
