"""The bytes of a response, and who shares them."""

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse, DiscoveryResponse

from controlplane.xds.resources import Resource
from controlplane.xds.responses import Response, Splices
from tests.fakes.world import cluster
from translators.wire import CLUSTER


def response(
    resources: tuple[Resource, ...],
    *,
    removed: tuple[str, ...] = (),
    delta: bool = True,
    splices: Splices | None = None,
) -> Response:
    return Response(
        type_url=CLUSTER,
        nonce="7",
        generation=1,
        resources=resources,
        removed=removed,
        delta=delta,
        splices=splices or Splices(),
    )


MANY = tuple(cluster(f"c{index}") for index in range(200))


@pytest.mark.parametrize("count", [0, 1, 32, 33, 200])
def test_the_bytes_are_those_of_protobuf(count: int) -> None:
    sent = response(MANY[:count], removed=("gone", "x" * 300))
    expected = DeltaDiscoveryResponse(
        system_version_info=sent.version,
        type_url=CLUSTER,
        nonce="7",
        removed_resources=sent.removed,
    )
    for item in MANY[:count]:
        expected.resources.add().ParseFromString(item.wire)
    assert DeltaDiscoveryResponse.FromString(sent.encode()) == expected
    state = response(MANY[:count], delta=False)
    decoded = DiscoveryResponse.FromString(state.encode())
    assert [item.SerializeToString() for item in decoded.resources] == [
        item.any for item in MANY[:count]
    ]
    assert (decoded.version_info, decoded.nonce) == (state.version, "7")


def test_the_version_is_that_of_what_is_sent() -> None:
    assert response(MANY[:2]).version == response(MANY[:2]).version
    assert response(MANY[:2]).version != response(MANY[:3]).version
    assert response(MANY[:2]).version != response(MANY[:2], removed=("gone",)).version


def test_the_same_resources_are_spliced_once_for_all_streams() -> None:
    splices = Splices()
    assert splices.splice(MANY, delta=True) is splices.splice(tuple(MANY), delta=True)
    assert splices.splice(MANY, delta=True) is not splices.splice(MANY, delta=False)


def test_what_is_shared_is_bounded_by_count_and_by_bytes() -> None:
    few = Splices(count=1)
    first = few.splice(MANY, delta=True)
    few.splice(MANY[:100], delta=True)
    assert few.splice(MANY, delta=True) is not first
    small = Splices(size=10)
    assert small.splice(MANY, delta=True) is not small.splice(MANY, delta=True)
