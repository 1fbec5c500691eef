"""How a stream begins, and how it is refused: statuses and texts are istiod's."""

from typing import Any

import grpc
import pytest
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from controlplane.xds.client import Access, StreamEndedError, dial
from controlplane.xds.contents import plain
from controlplane.xds.conversation import Conversation, Wish
from controlplane.xds.server import SERVICE
from tests.fakes import pipeline, shop
from tests.features.client import node_of, until
from tests.features.mesh import Mesh, running
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE

EVERYTHING = Wish({CLUSTER: (), LISTENER: ()}, follow=frozenset((ASSIGNMENT, ROUTE)))
NODE = "sidecar~10.0.0.9~p.x~x.svc.cluster.local"


async def refused(mesh: Mesh, *, delta: bool, request: Any) -> tuple[str, str]:
    """The status and the text with which the stream ends."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}") as channel:
        call: Any = channel.stream_stream(
            f"/{SERVICE}/{'Delta' if delta else 'Stream'}AggregatedResources"
        )()
        await call.write(request.SerializeToString())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            assert await call.read() is not grpc.aio.EOF
    return caught.value.code().name, caught.value.details() or ""


def first(node_id: str, *, delta: bool) -> Any:
    message = DeltaDiscoveryRequest if delta else DiscoveryRequest
    return message(node=Node(id=node_id), type_url=CLUSTER)


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
@pytest.mark.parametrize(
    ("node_id", "text"),
    [
        ("", "missing node information"),
        (
            "sidecar~10.0.0.9~p.x",
            'missing parts in the service node "sidecar~10.0.0.9~p.x"',
        ),
        (
            "robot~10.0.0.9~p.adsauth~x",
            'invalid node type (valid types: [sidecar router waypoint ztunnel]) in the service node "robot~10.0.0.9~p.adsauth~x"',  # noqa: E501
        ),
    ],
)
async def test_a_node_that_cannot_be(mesh: Mesh, delta: bool, node_id: str, text: str) -> None:
    found = await refused(mesh, delta=delta, request=first(node_id, delta=delta))
    assert found == ("INVALID_ARGUMENT", text)
    assert len(mesh.hub) == 0


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
async def test_before_the_first_world_nothing_is_served(delta: bool) -> None:
    async with running(listed=False) as mesh:
        found = await refused(mesh, delta=delta, request=first(NODE, delta=delta))
        assert found == ("UNAVAILABLE", "server is not ready to serve discovery information")
        await mesh.listed()
        await mesh.join()


async def test_a_request_without_a_type_ends_the_stream(mesh: Mesh) -> None:
    request = DeltaDiscoveryRequest(node=Node(id=NODE))
    status, text = await refused(mesh, delta=True, request=request)
    assert status == "INVALID_ARGUMENT"
    assert "type_url" in text
    assert len(mesh.hub) == 0


async def test_a_message_over_four_mebibytes_is_refused(mesh: Mesh) -> None:
    request = first(NODE, delta=True)
    request.resource_names_subscribe.extend(["x" * 4000] * 1100)
    status, text = await refused(mesh, delta=True, request=request)
    assert status == "RESOURCE_EXHAUSTED"
    assert "4194304" in text
    await mesh.join()


async def test_another_method_is_unknown(mesh: Mesh) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}") as channel:
        call = channel.unary_unary("/grpc.health.v1.Health/Check")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_reflection_lists_the_services(mesh: Mesh) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}") as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        await call.done_writing()
    names = {service.name for service in answer.list_services_response.service}
    assert names == {SERVICE, "grpc.reflection.v1alpha.ServerReflection"}


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
async def test_the_debug_client_follows_references_as_a_proxy_does(
    store: Mesh, delta: bool
) -> None:
    conversation = Conversation(node_of(pipeline.proxy()), EVERYTHING, delta=delta)
    async with dial(Access(f"127.0.0.1:{store.port}"), conversation) as stream:
        received = [await stream.receive()]
        while conversation.unanswered():
            received.append(await stream.receive())
    assert not conversation.missing()
    assert f"outbound|9080|v1|{shop.HOST}" in conversation.held[ASSIGNMENT]
    table = plain(conversation.held[ROUTE]["9080"].content)
    assert table["@type"] == ROUTE
    assert {host["name"] for host in table["virtual_hosts"]} >= {f"{shop.HOST}:9080"}
    assert received[0].type_url == CLUSTER
    assert all(one.version and one.size for one in received)


async def test_the_debug_client_refuses_on_demand(store: Mesh) -> None:
    wish = Wish({CLUSTER: ()}, refuse={CLUSTER: "I do not like it"})
    conversation = Conversation(node_of(pipeline.proxy()), wish, delta=True)
    async with dial(Access(f"127.0.0.1:{store.port}"), conversation) as stream:
        received = await stream.receive()
        assert received.refused == "I do not like it"
        while len(received.resources) > 1:  # the server looks for what is wrong
            received = await stream.receive()
        (seat,) = store.hub
        session = seat.session
        await until(lambda: any(status.nacks for status in session.status().types), "a refusal")
    assert not conversation.held.get(CLUSTER)


async def test_the_debug_client_says_why_a_stream_ended(mesh: Mesh) -> None:
    conversation = Conversation(Node(id="sidecar~1"), EVERYTHING, delta=True)
    with pytest.raises(StreamEndedError) as caught:
        async with dial(Access(f"127.0.0.1:{mesh.port}"), conversation) as stream:
            await stream.receive()
    assert str(caught.value) == ('INVALID_ARGUMENT: missing parts in the service node "sidecar~1"')


async def test_a_grpc_client_gets_the_listener_that_it_names(store: Mesh) -> None:
    proxy = pipeline.proxy("caller", generator="grpc")
    target = f"{shop.HOST}:9080"
    wish = Wish({LISTENER: (target,)}, follow=frozenset((ROUTE,)))
    conversation = Conversation(node_of(proxy), wish, delta=False)
    async with dial(Access(f"127.0.0.1:{store.port}"), conversation) as stream:
        while not conversation.held.get(ROUTE):
            await stream.receive()
    listener = plain(conversation.held[LISTENER][target].content)
    assert listener["api_listener"]["api_listener"]["rds"]["route_config_name"] == (
        f"outbound|9080||{shop.HOST}"
    )
    (table,) = conversation.held[ROUTE].values()
    (host,) = plain(table.content)["virtual_hosts"]
    assert {shop.HOST, target} <= set(host["domains"])
    (route,) = host["routes"]
    shares = route["route"]["weighted_clusters"]["clusters"]
    assert [(share["name"], share["weight"]) for share in shares] == [
        (f"outbound|9080|v1|{shop.HOST}", 90),
        (f"outbound|9080|v2|{shop.HOST}", 10),
    ]
