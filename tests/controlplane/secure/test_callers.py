"""From a connection and its metadata to an identity."""

from dataclasses import dataclass, field, replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from controlplane.secure.callers import Proven
from controlplane.tasks import SystemClock
from controlplane.telemetry import Telemetry
from controlplane.xds.callers import UnauthenticatedError
from sds.attest import CertificateAttestor, LocalTokens, TokenAttestor
from sds.identity import SpiffeId
from tests.fakes.certificates import Root

PEER = "unix-abstract:a"


@dataclass
class Door:
    """Who came through it, and what they showed."""

    shown: dict[str, bytes | None] = field(default_factory=dict)

    def knows(self, peer: str) -> bool:
        return peer in self.shown

    def certificate(self, peer: str) -> bytes | None:
        return self.shown.get(peer)


class Case:
    def __init__(self, certificate: bytes | None = None) -> None:
        now = SystemClock().now
        self.metrics = Telemetry()
        tokens = LocalTokens(None)
        self.token = tokens.issue("shop", "cart", seconds=60, now=now())
        self.callers = Proven(
            Door({PEER: certificate}),
            (
                CertificateAttestor(["cluster.local"], clock=now),
                TokenAttestor(tokens, trust_domain="cluster.local", clock=now),
            ),
            self.metrics,
        )

    async def who(self, peer: str = PEER, **metadata: str | bytes) -> str:
        return str(await self.callers.identify(peer, metadata.items()))


def der(namespace: str) -> bytes:
    leaf: x509.Certificate = Root.made().pair(namespace, "x").leaf
    return leaf.public_bytes(Encoding.DER)


async def test_by_token() -> None:
    case = Case()
    expected = str(SpiffeId("cluster.local", "shop", "cart"))
    assert await case.who(authorization=f"Bearer {case.token}") == expected
    assert await case.who(authorization=f"Bearer {case.token}".encode()) == expected
    with pytest.raises(UnauthenticatedError, match="through the door"):
        await case.who("unix:", authorization=f"Bearer {case.token}")
    case.callers = replace(case.callers, socket=True)
    assert await case.who("unix:", authorization=f"Bearer {case.token}") == expected


async def test_a_certificate_comes_before_a_token_and_needs_no_cluster() -> None:
    case = Case(der("far"))
    found = await case.who(authorization=f"Bearer {case.token}", clusterid="elsewhere")
    assert found == "spiffe://cluster.local/ns/far/sa/x"


@pytest.mark.parametrize("cluster", ["elsewhere", ""])
async def test_a_token_of_another_cluster_proves_nothing(cluster: str) -> None:
    case = Case()
    with pytest.raises(UnauthenticatedError, match="unknown cluster"):
        await case.who(authorization=f"Bearer {case.token}", clusterid=cluster)


async def test_who_found_the_inner_socket_is_not_believed() -> None:
    case = Case()
    with pytest.raises(UnauthenticatedError, match="did not come through the door"):
        await case.who("unix-abstract:b", authorization=f"Bearer {case.token}")


async def test_failures_are_counted() -> None:
    case = Case()
    with pytest.raises(UnauthenticatedError, match="neither a client certificate nor a token"):
        await case.who()
    assert case.metrics.unauthenticated._value.get() == 1
