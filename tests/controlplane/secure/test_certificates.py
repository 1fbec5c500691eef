"""What the certificate service says when it cannot sign. What it signs: tests/features."""

from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from controlplane.secure.certificates import SERVICE
from proto.certificates_pb2 import IstioCertificateRequest
from sds.issuer import Limits
from sds.limits import Limiter
from tests.fakes.authorities import Moody
from tests.features.client import BOUND
from tests.features.mesh import Mesh, running
from tests.features.secure import bearer, secure_channel
from tests.sds.material import csr


async def refused(mesh: Mesh) -> tuple[str, str]:
    request = IstioCertificateRequest(csr=csr()).SerializeToString()
    async with secure_channel(mesh) as channel:
        call: Any = channel.unary_unary(f"/{SERVICE}/CreateCertificate")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request, metadata=bearer(mesh.token("shop", "cart")), timeout=BOUND)
    return caught.value.code().name, caught.value.details() or ""


async def test_a_ca_that_fails_is_worth_another_try_and_its_reason_is_for_the_log() -> None:
    async with running() as mesh:
        issuer = mesh.secure.issuer
        issuer._authority = Moody(issuer._authority, "on fire")
        with capture_logs() as logs:
            # istiod says INTERNAL, after which not every client tries again
            assert await refused(mesh) == (
                "UNAVAILABLE",
                "CSR signing error (the CA cannot sign now)",
            )
        (entry,) = [entry for entry in logs if entry["event"] == "signing_failed"]
        assert entry["why"] == "on fire"
        assert entry["identity"] == "spiffe://cluster.local/ns/shop/sa/cart"
        assert mesh.metrics.signing_errors._value.get() == 1
        assert mesh.metrics.issued._value.get() == 0


async def test_too_many_are_asked_for() -> None:
    async with running() as mesh:
        mesh.secure.issuer._limiter = Limiter(Limits(per_identity=0.0, burst=0))
        status, text = await refused(mesh)
        assert status == "RESOURCE_EXHAUSTED"
        assert "spiffe://cluster.local/ns/shop/sa/cart" in text
        assert mesh.metrics.csrs._value.get() == 1
