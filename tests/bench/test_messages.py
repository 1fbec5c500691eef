from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)

from bench.messages import ack, acknowledged, head, versions
from translators.wire import CLUSTER

RESPONSE = DeltaDiscoveryResponse(
    system_version_info="abc",
    resources=[Resource(name="a", version="1"), Resource(name="b", version="2")],
    type_url=CLUSTER,
    nonce="7",
    removed_resources=["c"],
).SerializeToString()


def test_what_a_response_is_about() -> None:
    assert head(RESPONSE) == (CLUSTER, "7", ("c",))


def test_versions_of_what_it_carries() -> None:
    assert versions(RESPONSE) == {"a": "1", "b": "2"}


def test_an_acknowledgement_is_a_real_one() -> None:
    request = DeltaDiscoveryRequest.FromString(ack(CLUSTER, "7"))
    assert (request.type_url, request.response_nonce) == (CLUSTER, "7")
    assert not request.HasField("error_detail")
    assert acknowledged(ack(CLUSTER, "7")) == (CLUSTER, "7", False)


def test_a_refusal_is_told() -> None:
    request = DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce="8")
    request.error_detail.message = "no"
    assert acknowledged(request.SerializeToString()) == (CLUSTER, "8", True)
