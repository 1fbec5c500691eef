"""What the debug client says, to whatever a server says."""

from typing import Any

import pytest
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryResponse,
    DiscoveryResponse,
)
from envoy.service.discovery.v3.discovery_pb2 import Resource as WireResource
from google.protobuf.any_pb2 import Any as AnyMessage

from controlplane.xds.conversation import Conversation, Held, Wish
from controlplane.xds.resources import Resource
from tests.fakes.world import assignment, cluster, listener, route
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE

NODE = Node(id="sidecar~10.0.0.1~a.b~b.svc.cluster.local")
PROXY = Wish({CLUSTER: (), LISTENER: ()}, follow=frozenset((ASSIGNMENT, ROUTE)))


def delta(type_url: str, *items: Resource, nonce: str = "1", gone: tuple[str, ...] = ()) -> Any:
    return DeltaDiscoveryResponse(
        type_url=type_url,
        nonce=nonce,
        system_version_info="v",
        resources=[WireResource.FromString(item.wire) for item in items],
        removed_resources=gone,
    )


def state(type_url: str, *items: Resource, nonce: str = "1", version: str = "v") -> Any:
    return DiscoveryResponse(
        type_url=type_url,
        nonce=nonce,
        version_info=version,
        resources=[AnyMessage.FromString(item.any) for item in items],
    )


def said(conversation: Conversation) -> list[Any]:
    return list(conversation.take())


@pytest.mark.parametrize("incremental", [True, False])
def test_it_opens_with_what_is_wanted_and_says_who_asks_once(incremental: bool) -> None:
    conversation = Conversation(NODE, PROXY, delta=incremental)
    first, second = said(conversation)
    assert (first.type_url, second.type_url) == (CLUSTER, LISTENER)
    assert first.node.id == NODE.id
    assert not second.HasField("node")
    assert conversation.unanswered() == (CLUSTER, LISTENER)
    assert said(conversation) == []


def test_delta_follows_what_comes_and_what_goes() -> None:
    conversation = Conversation(NODE, PROXY, delta=True)
    said(conversation)
    received = conversation.receive(delta(CLUSTER, cluster("a"), cluster("b"), nonce="7"))
    assert set(received.resources) == {"a", "b"}
    ack, ask = said(conversation)
    assert (ack.type_url, ack.response_nonce) == (CLUSTER, "7")
    assert not ack.HasField("error_detail")
    assert (ask.type_url, list(ask.resource_names_subscribe)) == (ASSIGNMENT, ["a", "b"])
    assert conversation.missing() == {ASSIGNMENT: ("a", "b")}
    conversation.receive(delta(ASSIGNMENT, assignment("a"), gone=("b",)))
    assert conversation.unanswered() == (LISTENER,)
    assert conversation.missing() == {ASSIGNMENT: ("b",)}
    said(conversation)
    conversation.receive(delta(CLUSTER, gone=("a",)))
    _, change = said(conversation)
    assert list(change.resource_names_unsubscribe) == ["a"]
    assert conversation.held[CLUSTER].keys() == {"b"}
    assert conversation.held[ASSIGNMENT].keys() == set()
    assert conversation.unanswered() == (LISTENER,)


def test_state_of_the_world_replaces_clusters_and_adds_assignments() -> None:
    conversation = Conversation(NODE, PROXY, delta=False)
    said(conversation)
    conversation.receive(state(CLUSTER, cluster("a"), cluster("b"), version="4", nonce="7"))
    ack, ask = said(conversation)
    assert (ack.version_info, ack.response_nonce, list(ack.resource_names)) == ("4", "7", [])
    assert list(ask.resource_names) == ["a", "b"]
    conversation.receive(state(ASSIGNMENT, assignment("a"), nonce="8", version="5"))
    conversation.receive(state(ASSIGNMENT, assignment("b"), nonce="9", version="6"))
    *_, ack = said(conversation)
    assert (list(ack.resource_names), ack.response_nonce) == (["a", "b"], "9")
    assert conversation.held[ASSIGNMENT].keys() == {"a", "b"}
    received = conversation.receive(state(CLUSTER, cluster("b"), nonce="10"))
    assert received.removed == ("a",)
    _, ask = said(conversation)
    assert (list(ask.resource_names), ask.response_nonce) == (["b"], "9")


def test_a_refused_response_is_not_held() -> None:
    wish = Wish({CLUSTER: ()}, refuse={CLUSTER: "no"})
    for incremental, message in ((True, delta), (False, state)):
        conversation = Conversation(NODE, wish, delta=incremental)
        said(conversation)
        received = conversation.receive(message(CLUSTER, cluster("a"), nonce="7"))
        assert received.refused == "no"
        (nack,) = said(conversation)
        assert (nack.response_nonce, nack.error_detail.message) == ("7", "no")
        assert nack.error_detail.code != 0
        assert conversation.held == {CLUSTER: {}}
        assert conversation.unanswered() == ()
    assert nack.version_info == ""


def test_names_are_asked_for_by_name() -> None:
    conversation = Conversation(NODE, Wish({ROUTE: ("80", "81")}), delta=True)
    (ask,) = said(conversation)
    assert list(ask.resource_names_subscribe) == ["80", "81"]
    conversation.receive(delta(ROUTE, route("80"), gone=("81",)))
    assert conversation.missing() == {ROUTE: ("81",)}


def test_what_is_held_is_told_to_the_next_stream() -> None:
    first = Conversation(NODE, PROXY, delta=True)
    first.receive(delta(CLUSTER, cluster("a")))
    first.receive(delta(ASSIGNMENT, assignment("a")))
    first.receive(delta(LISTENER, listener("l", tables=("80",))))
    second = Conversation(NODE, PROXY, delta=True, held=first.held)
    asks = {one.type_url: one for one in said(second)}
    assert set(asks) == {CLUSTER, LISTENER, ASSIGNMENT, ROUTE}
    assert dict(asks[CLUSTER].initial_resource_versions) == {"a": cluster("a").version}
    assert dict(asks[ASSIGNMENT].initial_resource_versions) == {"a": assignment("a").version}
    assert list(asks[ASSIGNMENT].resource_names_subscribe) == ["a"]
    assert list(asks[ROUTE].resource_names_subscribe) == ["80"]
    assert second.held == first.held
    second.receive(delta(CLUSTER, gone=("a",)))
    assert first.held[CLUSTER].keys() == {"a"}


def test_a_server_that_gives_no_versions_and_no_names_is_understood() -> None:
    conversation = Conversation(NODE, Wish({"type.googleapis.com/acme.Table": ()}), delta=True)
    bare = AnyMessage(type_url="type.googleapis.com/acme.Table", value=b"x")
    message = DeltaDiscoveryResponse(
        type_url=bare.type_url, nonce="1", resources=[WireResource(resource=bare)]
    )
    assert conversation.receive(message).resources == {"": Held("", bare)}
    other = Conversation(NODE, Wish({bare.type_url: ()}), delta=False)
    received = other.receive(DiscoveryResponse(type_url=bare.type_url, resources=[bare, bare]))
    assert set(received.resources) == {"#1", "#2"}


def test_what_was_not_asked_for_is_acknowledged_all_the_same() -> None:
    conversation = Conversation(NODE, Wish({CLUSTER: ()}), delta=True)
    said(conversation)
    conversation.receive(delta(ROUTE, route("80"), nonce="3"))
    (ack,) = said(conversation)
    assert (ack.type_url, ack.response_nonce) == (ROUTE, "3")
