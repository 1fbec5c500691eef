"""The gRPC shell: what it counts and logs, what it does when a stream ends. How streams begin is
told in tests/features/test_streams.py."""

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from structlog.testing import capture_logs

from controlplane.tasks import SystemClock
from controlplane.telemetry import Telemetry
from controlplane.xds.client import Access, dial
from controlplane.xds.conversation import Conversation, Wish
from controlplane.xds.grpcserver import Limits
from controlplane.xds.hub import Hub
from controlplane.xds.rollout import Timing
from controlplane.xds.server import SERVICE, AdsServer
from tests.fakes import pipeline
from tests.fakes.world import World, assignment, cluster, listener
from tests.features.client import node_of, until
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER


class Ads:
    """A server whose every seat is given one world."""

    def __init__(self, *, limits: Limits, timing: Timing) -> None:
        self.hub = Hub()
        self.hub.attend(self)
        self.world = World(cluster("a"), assignment("a"))
        self.metrics = Telemetry()
        self.server = AdsServer(
            self.hub,
            clock=SystemClock(),
            timing=timing,
            limits=limits,
            metrics=self.metrics,
            ready=lambda: True,
        )
        self.port = 0

    def joined(self, seat: Any, now: float) -> None:
        seat.land(self.world.snapshot(), now)

    def left(self, seat: Any) -> None:
        return

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def dial(self, wish: Wish) -> Any:
        conversation = Conversation(node_of(pipeline.proxy()), wish, delta=True)
        return dial(Access(f"127.0.0.1:{self.port}"), conversation)


@pytest.fixture
async def ads() -> AsyncIterator[Ads]:
    made = Ads(limits=Limits(grace=0.0), timing=Timing(stage_wait=0.02))
    made.port = await made.server.start("127.0.0.1:0")
    yield made
    await made.server.stop()


async def test_what_is_sent_and_acknowledged_is_counted(ads: Ads) -> None:
    wish = Wish({CLUSTER: ()}, follow=frozenset((ASSIGNMENT,)))
    async with ads.dial(wish) as stream:
        sizes = [(await stream.receive()).size, (await stream.receive()).size]
        assert ads.value("pilot_xds", version="1.31.0") == 1
        await until(
            lambda: ads.value("pilot_proxy_convergence_time_count"),
            "the ACK is counted",
        )
    await until(lambda: not len(ads.hub), "the seat is left")
    assert ads.value("pilot_xds", version="1.31.0") == 0
    kinds = (("Cluster", "cds"), ("ClusterLoadAssignment", "eds"))
    for (kind, short), size in zip(kinds, sizes, strict=True):
        assert ads.value("pilot_xds_pushes", type=short) == 1
        assert ads.value("meshpilot_xds_sent_resources_total", type=kind) == 1
        assert ads.value("meshpilot_xds_sent_bytes_total", type=kind) == size
        assert ads.value("meshpilot_xds_sent_removals_total", type=kind) == 0


async def test_a_refusal_is_counted_and_logged(ads: Ads) -> None:
    with capture_logs() as logs:
        async with ads.dial(Wish({CLUSTER: ()}, refuse={CLUSTER: "no"})) as stream:
            await stream.receive()
            await until(lambda: ads.value("pilot_total_xds_rejects"), "the NACK")
    (entry,) = [entry for entry in logs if entry["event"] == "nack"]
    assert (entry["type"], entry["resources"]) == ("Cluster", ["a"])
    assert entry["error"].startswith("no")
    assert re.fullmatch(r"sidecar~127.0.60.1~client.shop~.*-1", entry["proxy"])


async def test_a_bounded_wait_that_runs_out_is_counted_and_logged(ads: Ads) -> None:
    ads.world = World(cluster("a"), assignment("a"), listener("l", clusters=("a",)))
    node = node_of(pipeline.proxy())
    with capture_logs() as logs:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ads.port}") as channel:
            call: Any = channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")()
            for type_url, names in ((CLUSTER, ()), (ASSIGNMENT, ("a",)), (LISTENER, ())):
                request = DeltaDiscoveryRequest(
                    node=node, type_url=type_url, resource_names_subscribe=names
                )
                await call.write(request.SerializeToString())
            # nothing is ever acknowledged
            kinds = [DeltaDiscoveryResponse.FromString(await call.read()) for _ in range(3)]
    assert [one.type_url for one in kinds] == [CLUSTER, ASSIGNMENT, LISTENER]
    assert ads.value("meshpilot_xds_waits_expired_total") == 1
    (entry,) = [entry for entry in logs if entry["event"] == "wait_ran_out"]
    assert entry["what"] == "Listener l"
    assert "a" in entry["why"]


async def test_a_client_that_breaks_the_protocol_is_told_and_loses_its_seat(ads: Ads) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ads.port}") as channel:
        call: Any = channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")()
        first = DeltaDiscoveryRequest(node=node_of(pipeline.proxy()), type_url=CLUSTER)
        await call.write(first.SerializeToString())
        await call.read()
        await call.write(DeltaDiscoveryRequest().SerializeToString())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            assert await call.read() is not grpc.aio.EOF
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "the request has no type_url"
    assert len(ads.hub) == 0


async def test_a_stream_that_its_client_ends_is_over(ads: Ads) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ads.port}") as channel:
        call: Any = channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")()
        first = DeltaDiscoveryRequest(node=node_of(pipeline.proxy()), type_url=CLUSTER)
        await call.write(first.SerializeToString())
        await call.read()
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
    assert len(ads.hub) == 0


async def test_a_client_that_says_nothing_is_let_go(ads: Ads) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ads.port}") as channel:
        call: Any = channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")()
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
    assert len(ads.hub) == 0


async def test_an_address_that_is_taken_is_an_error(ads: Ads) -> None:
    other = Ads(limits=Limits(), timing=Timing())
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{ads.port}"):
        await other.server.start(f"127.0.0.1:{ads.port}")


def test_limits_are_istiods() -> None:
    options = dict(Limits().options())
    assert options["grpc.max_concurrent_streams"] == 100_000
    assert options["grpc.max_receive_message_length"] == 4 * 1024 * 1024
    assert options["grpc.keepalive_time_ms"] == 30_000
    assert options["grpc.keepalive_timeout_ms"] == 10_000
    assert options["grpc.http2.min_ping_interval_without_data_ms"] == 15_000
    assert options["grpc.keepalive_permit_without_calls"] == 1
