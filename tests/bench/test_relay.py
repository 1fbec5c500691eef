import asyncio

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from bench.messages import ack
from bench.relay import Relay
from translators.wire import ASSIGNMENT, CLUSTER


def response(type_url: str, nonce: str) -> bytes:
    return bytes(DeltaDiscoveryResponse(type_url=type_url, nonce=nonce).SerializeToString())


async def test_the_answer_to_what_was_expected_counts() -> None:
    relay = Relay()
    found = relay.expect(ASSIGNMENT)
    relay._down(response(CLUSTER, "1"), 1.0)
    relay._up(ack(CLUSTER, "1"))
    assert not found.done()
    relay._down(response(ASSIGNMENT, "2"), 2.0)
    relay._up(ack(ASSIGNMENT, "2"))
    seen = await found
    assert seen.received == 2.0
    assert seen.received < seen.passed <= seen.answered
    assert not seen.refused


async def test_what_went_by_before_does_not_count() -> None:
    relay = Relay()
    relay.expect(ASSIGNMENT)
    relay._down(response(ASSIGNMENT, "1"), 1.0)
    found = relay.expect(ASSIGNMENT)
    relay._up(ack(ASSIGNMENT, "1"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await found
