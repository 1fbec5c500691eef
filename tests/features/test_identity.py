"""Who may open a stream, and as whom: statuses and texts are istiod's, measured on its port 15012.

Each case is asked for with increments and with the state of the world alike.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import grpc
import jwt
import pytest
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest
from google.protobuf import json_format
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from controlplane.secure.certificates import SERVICE as CERTIFICATES
from controlplane.xds.server import SECRET_SERVICE, SERVICE
from sds.identity import SpiffeId
from tests.features.client import BOUND
from tests.features.mesh import Mesh, documents, running
from tests.features.secure import bearer, plain_channel, secure_channel
from translators.wire import CLUSTER

NODE = "sidecar~10.0.0.9~p.adsauth~adsauth.svc.cluster.local"
KINDS = "invalid node type (valid types: [sidecar router waypoint ztunnel])"
CLAIMS = {"NAMESPACE": "adsauth", "SERVICE_ACCOUNT": "one"}
DEBUG = "istio.io/connections"
UNKNOWN = "type.googleapis.com/example.Unknown"
ALIKE = pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
Shown = Callable[[Mesh], tuple[tuple[str, str], ...]]
OK = ("OK", "")


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        await made.put(*documents())
        yield made


@dataclass(frozen=True)
class First:
    """The first request of a stream."""

    node_id: str = NODE
    metadata: Mapping[str, str] = field(default_factory=lambda: CLAIMS)
    type_url: str = CLUSTER

    def encoded(self, *, delta: bool) -> bytes:
        node = json_format.ParseDict({"id": self.node_id, "metadata": dict(self.metadata)}, Node())
        message = DeltaDiscoveryRequest if delta else DiscoveryRequest
        content: bytes = message(node=node, type_url=self.type_url).SerializeToString()
        return content


def method(*, delta: bool) -> str:
    return f"/{SERVICE}/{'Delta' if delta else 'Stream'}AggregatedResources"


async def outcome(
    channel: grpc.aio.Channel,
    first: First,
    *,
    delta: bool,
    metadata: tuple[tuple[str, str], ...] = (),
    then: First | None = None,
) -> tuple[str, str]:
    """The status and text with which the stream ends, or OK as soon as there is an answer."""
    async with channel:
        call: Any = channel.stream_stream(method(delta=delta))(metadata=metadata, timeout=BOUND)
        try:
            await call.write(first.encoded(delta=delta))
            if then is not None:
                await call.write(then.encoded(delta=delta))
            assert await call.read() is not grpc.aio.EOF
        except (grpc.aio.AioRpcError, grpc.aio.UsageError):
            return (await call.code()).name, await call.details() or ""
        call.cancel()
        return OK


def token(mesh: Mesh, namespace: str = "adsauth", account: str = "one", **claims: Any) -> str:
    """A token of the mesh's issuer, with some of its claims changed."""
    good = mesh.token(namespace, account)
    if not claims:
        return good
    said = jwt.decode(good, options={"verify_signature": False})
    return jwt.encode({**said, **claims}, mesh.secure.tokens._key, algorithm="ES256")


def expired(mesh: Mesh) -> str:
    before = mesh.clock.now() - timedelta(hours=2)
    return mesh.secure.tokens.issue("adsauth", "one", seconds=3600, now=before)


UNPROVEN: dict[str, Shown] = {
    "no token": lambda mesh: (),
    "an empty token": lambda mesh: bearer(""),
    "another scheme": lambda mesh: (("authorization", f"Basic {token(mesh)}"),),
    "garbage": lambda mesh: bearer("garbage"),
    "another audience": lambda mesh: bearer(token(mesh, aud=["somebody"])),
    "another issuer": lambda mesh: bearer(token(mesh, iss="somebody")),
    "no service account": lambda mesh: bearer(token(mesh, sub="somebody")),
    "expired": lambda mesh: bearer(expired(mesh)),
    "not signed": lambda mesh: bearer(jwt.encode({"sub": "x"}, "", algorithm="none")),
    "unknown cluster": lambda mesh: bearer(token(mesh), clusterid="elsewhere"),
}


@ALIKE
@pytest.mark.parametrize("case", UNPROVEN)
async def test_who_proves_nothing_gets_nothing(mesh: Mesh, case: str, delta: bool) -> None:
    shown = UNPROVEN[case](mesh)
    found = await outcome(secure_channel(mesh), First(), delta=delta, metadata=shown)
    assert found == ("UNAUTHENTICATED", "authentication failure")
    assert len(mesh.hub) == 0
    # on the plaintext port nobody looks at it
    assert await outcome(plain_channel(mesh), First(), delta=delta, metadata=shown) == OK


PROVEN: dict[str, Shown] = {
    "a token": lambda mesh: bearer(token(mesh)),
    "a token, and the cluster": lambda mesh: bearer(token(mesh), clusterid="Kubernetes"),
    "the scheme in lower case": lambda mesh: (("authorization", f"bearer {token(mesh)}"),),
}


@ALIKE
@pytest.mark.parametrize("case", PROVEN)
async def test_a_good_token(mesh: Mesh, case: str, delta: bool) -> None:
    shown = PROVEN[case](mesh)
    assert await outcome(secure_channel(mesh), First(), delta=delta, metadata=shown) == OK


@ALIKE
@pytest.mark.parametrize("beside", ["", "garbage"])
async def test_a_certificate_does_without_a_token(mesh: Mesh, beside: str, delta: bool) -> None:
    pair = await mesh.secure.issuer.make(SpiffeId("cluster.local", "adsauth", "one"))
    shown = bearer(beside) if beside else ()
    found = await outcome(secure_channel(mesh, pair), First(), delta=delta, metadata=shown)
    assert found == OK


@ALIKE
async def test_a_certificate_of_another_trust_domain(mesh: Mesh, delta: bool) -> None:
    pair = await mesh.secure.issuer.make(SpiffeId("example.org", "adsauth", "one"))
    found = await outcome(secure_channel(mesh, pair), First(), delta=delta)
    assert found == ("UNAUTHENTICATED", "authentication failure")


WHO = "[spiffe://cluster.local/ns/adsauth/sa/one]"


@ALIKE
@pytest.mark.parametrize(
    ("metadata", "node_id", "matched"),
    [
        ({"NAMESPACE": "default", "SERVICE_ACCOUNT": "one"}, NODE, "default/one"),
        ({"NAMESPACE": "adsauth", "SERVICE_ACCOUNT": "two"}, NODE, "adsauth/two"),
        # as with istiod, the account that is not claimed is left out
        ({}, "sidecar~10.0.0.9~p.default~default.svc.cluster.local", "default/"),
    ],
    ids=["namespace", "service account", "namespace of the id"],
)
async def test_nobody_is_somebody_else(
    mesh: Mesh, metadata: Mapping[str, str], node_id: str, matched: str, delta: bool
) -> None:
    first = First(node_id, metadata)
    shown = bearer(token(mesh))
    found = await outcome(secure_channel(mesh), first, delta=delta, metadata=shown)
    assert found == (
        "PERMISSION_DENIED",
        f"authorization failed: no identities ({WHO}) matched {matched}",
    )
    assert len(mesh.hub) == 0
    assert await outcome(plain_channel(mesh), first, delta=delta, metadata=shown) == OK


@ALIKE
async def test_without_claims_the_identity_is_that_of_the_caller(mesh: Mesh, delta: bool) -> None:
    found = await outcome(
        secure_channel(mesh),
        First(metadata={}),
        delta=delta,
        metadata=bearer(token(mesh)),
    )
    assert found == OK


@ALIKE
@pytest.mark.parametrize(
    ("node_id", "text"),
    [
        ("", "missing node information"),
        ("sidecar~10.0.0.9~p.x", 'missing parts in the service node "sidecar~10.0.0.9~p.x"'),
        (
            "robot~10.0.0.9~p.adsauth~x",
            f'{KINDS} in the service node "robot~10.0.0.9~p.adsauth~x"',
        ),
    ],
    ids=["no node", "three parts", "another kind"],
)
async def test_a_node_that_cannot_be(mesh: Mesh, node_id: str, text: str, delta: bool) -> None:
    found = await outcome(
        secure_channel(mesh),
        First(node_id, {}),
        delta=delta,
        metadata=bearer(token(mesh)),
    )
    assert found == ("INVALID_ARGUMENT", text)


@ALIKE
@pytest.mark.parametrize("type_url", [UNKNOWN, DEBUG])
async def test_types_that_are_the_control_planes_own(
    mesh: Mesh, type_url: str, delta: bool
) -> None:
    first = First(type_url=type_url)
    found = await outcome(secure_channel(mesh), first, delta=delta, metadata=bearer(token(mesh)))
    assert found == (
        "PERMISSION_DENIED",
        "the api generator is restricted to the control-plane (root) namespace",
    )
    assert await outcome(plain_channel(mesh), first, delta=delta) == (
        "UNAUTHENTICATED",
        "the api generator requires an authenticated control-plane identity",
    )
    assert len(mesh.hub) == 0
    operator = First(
        "sidecar~10.0.0.9~istioctl.istio-system~istio-system.svc.cluster.local",
        {"NAMESPACE": "istio-system", "SERVICE_ACCOUNT": "default"},
        type_url,
    )
    shown = bearer(token(mesh, "istio-system", "default"))
    # istiod answers with nothing in it; here there is no answer, and the stream goes on
    found = await outcome(
        secure_channel(mesh),
        operator,
        delta=delta,
        metadata=shown,
        then=replace(operator, type_url=CLUSTER),
    )
    assert found == OK


@ALIKE
async def test_an_unknown_type_later_on_the_stream_ends_it(mesh: Mesh, delta: bool) -> None:
    async with secure_channel(mesh) as channel:
        call: Any = channel.stream_stream(method(delta=delta))(
            metadata=bearer(token(mesh)), timeout=BOUND
        )
        await call.write(First().encoded(delta=delta))
        await call.read()
        await call.write(First(type_url=UNKNOWN).encoded(delta=delta))
        # an answer of the first request may still be on its way
        with suppress(grpc.aio.AioRpcError):
            while await call.read() is not grpc.aio.EOF:
                pass
        assert "restricted to the control-plane" in await call.details()
        assert await call.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    "name",
    [
        f"{CERTIFICATES}/CreateCertificate",
        f"{SECRET_SERVICE}/DeltaSecrets",
        f"{SECRET_SERVICE}/StreamSecrets",
        f"{SECRET_SERVICE}/FetchSecrets",
    ],
)
async def test_the_plaintext_port_knows_nothing_of_certificates(mesh: Mesh, name: str) -> None:
    async with plain_channel(mesh) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{name}")(b"", metadata=bearer(token(mesh)))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_secure_port_lists_its_services(mesh: Mesh) -> None:
    async with secure_channel(mesh) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        await call.done_writing()
    names = {service.name for service in answer.list_services_response.service}
    assert {SERVICE, SECRET_SERVICE, CERTIFICATES} <= names
