"""IstioCertificateService over the secure port, by a real client: what istiod grants and refuses,
in its words."""

import base64
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from controlplane.secure.certificates import SERVICE
from proto.certificates_pb2 import IstioCertificateRequest, IstioCertificateResponse
from sds.check import examine
from sds.identity import SpiffeId
from sds.secrets import KeyPair, encode_key, read_bundle
from tests.features.client import BOUND
from tests.features.mesh import Mesh, running
from tests.features.secure import bearer, secure_channel

ID = "spiffe://cluster.local/ns/adsauth/sa/one"
TOO_LONG = "requested TTL 87600h0m0s is greater than the max allowed TTL 2160h0m0s"
NONSENSE = """-----BEGIN CERTIFICATE REQUEST-----
Z2FyYmFnZQ==
-----END CERTIFICATE REQUEST-----
"""
PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Shown = Callable[[Mesh], tuple[tuple[str, str], ...]]


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        yield made


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr(key: Key | None = None, *names: x509.GeneralName, common_name: str = "") -> str:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder(x509.Name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(key or p256(), hashes.SHA256()).public_bytes(PEM).decode()


async def create(
    mesh: Mesh,
    request: str,
    *,
    seconds: int = 86400,
    shown: tuple[tuple[str, str], ...] | None = None,
    pair: KeyPair | None = None,
    **metadata: str,
) -> list[str]:
    said: Struct = json_format.ParseDict(metadata, Struct())
    async with secure_channel(mesh, pair) as channel:
        call: Any = channel.unary_unary(
            f"/{SERVICE}/CreateCertificate",
            request_serializer=IstioCertificateRequest.SerializeToString,
            response_deserializer=IstioCertificateResponse.FromString,
        )
        answer = await call(
            IstioCertificateRequest(csr=request, validity_duration=seconds, metadata=said),
            metadata=bearer(mesh.token("adsauth", "one")) if shown is None else shown,
            timeout=BOUND,
        )
    return list(answer.cert_chain)


async def refused(mesh: Mesh, request: str, **how: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await create(mesh, request, **how)
    return caught.value.code().name, caught.value.details() or ""


def leaf(chain: list[str]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chain[0].encode())


def ids(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(list(names)) == 1
    return names.get_values_for_type(x509.UniformResourceIdentifier)


@pytest.mark.parametrize("kind", ["P-256", "RSA"])
async def test_the_chain_and_the_leaf(mesh: Mesh, kind: str) -> None:
    key: Key = p256() if kind == "P-256" else rsa.generate_private_key(65537, 2048)
    chain = await create(mesh, csr(key))
    assert len(chain) == 2
    assert all(one.endswith("-----END CERTIFICATE-----\n") for one in chain)
    made, root = leaf(chain), x509.load_pem_x509_certificate(chain[1].encode())
    assert chain[1].encode() == mesh.secure.trust.roots
    # the root is a key of P-256, where istiod has RSA: signing is 20 times as fast
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey)
    assert root.subject.rfc4514_string() == "O=cluster.local"
    assert root.subject == root.issuer
    assert root.not_valid_after_utc - root.not_valid_before_utc > timedelta(days=3649)

    assert made.public_key() == key.public_key()
    assert made.subject == x509.Name([])
    assert 64 < made.serial_number.bit_length() <= 128
    assert isinstance(made.signature_hash_algorithm, hashes.SHA256)
    made.verify_directly_issued_by(root)
    found = {extension.oid: extension for extension in made.extensions}
    assert found[x509.SubjectAlternativeName.oid].critical
    assert ids(made) == [ID]
    usage = found[x509.KeyUsage.oid]
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment
    assert not usage.value.key_cert_sign
    assert list(found[x509.ExtendedKeyUsage.oid].value) == [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]
    assert found[x509.BasicConstraints.oid].critical
    assert not found[x509.BasicConstraints.oid].value.ca
    own = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert found[x509.AuthorityKeyIdentifier.oid].value.key_identifier == own.digest
    faults = examine(
        chain[0].encode(),
        roots=read_bundle(chain[1].encode()),
        key=encode_key(key),
        now=datetime.now(UTC),
        trust_domains=["cluster.local"],
    )
    assert faults == ()
    assert mesh.metrics.issued._value.get() == 1


@pytest.mark.parametrize(
    ("asked", "lasts"),
    [(60, 180), (86400, 86520), (0, 86520), (-5, 86520), (90 * 86400, 90 * 86400 + 120)],
)
async def test_how_long_it_lasts(mesh: Mesh, asked: int, lasts: int) -> None:
    made = leaf(await create(mesh, csr(), seconds=asked))
    # it begins 120 s before, for clocks that lag
    assert (made.not_valid_after_utc - made.not_valid_before_utc).total_seconds() == lasts
    early = datetime.now(UTC) - made.not_valid_before_utc
    assert timedelta(seconds=119) < early < timedelta(seconds=119 + BOUND)


async def test_too_long_is_refused(mesh: Mesh) -> None:
    assert await refused(mesh, csr(), seconds=10 * 365 * 86400) == (
        "INVALID_ARGUMENT",
        f"CSR signing error ({TOO_LONG})",
    )


URI = x509.UniformResourceIdentifier


@pytest.mark.parametrize(
    "request_",
    [
        csr(None, URI("spiffe://cluster.local/ns/other/sa/two")),
        csr(None, URI(ID), URI("spiffe://cluster.local/ns/other/sa/two")),
        csr(),
        csr(None, x509.DNSName("istiod.istio-system.svc")),
        csr(None, common_name="istiod"),
    ],
    ids=["another id", "two ids", "none", "a DNS name", "a common name"],
)
async def test_whom_it_names_is_who_calls(mesh: Mesh, request_: str) -> None:
    made = leaf(await create(mesh, request_))
    assert ids(made) == [ID]
    assert made.subject == x509.Name([])


async def test_a_certificate_instead_of_a_token(mesh: Mesh) -> None:
    pair = await mesh.secure.issuer.make(SpiffeId("cluster.local", "other", "two"))
    for shown in ((), bearer("garbage")):
        made = leaf(await create(mesh, csr(), shown=shown, pair=pair))
        assert ids(made) == ["spiffe://cluster.local/ns/other/sa/two"]


@pytest.mark.parametrize("cluster", ["", "Kubernetes"])
async def test_the_cluster_may_be_named(mesh: Mesh, cluster: str) -> None:
    more = {"clusterid": cluster} if cluster else {}
    shown = bearer(mesh.token("adsauth", "one"), **more)
    assert len(await create(mesh, csr(), shown=shown)) == 2


def changed(mesh: Mesh, **claims: object) -> str:
    said = jwt.decode(mesh.token("adsauth", "one"), options={"verify_signature": False})
    return jwt.encode({**said, **claims}, mesh.secure.tokens._key, algorithm="ES256")


UNPROVEN: dict[str, Shown] = {
    "no token": lambda mesh: (),
    "an empty one": lambda mesh: bearer(""),
    "another scheme": lambda mesh: (("authorization", f"Basic {mesh.token()}"),),
    "garbage": lambda mesh: bearer("garbage"),
    "another audience": lambda mesh: bearer(changed(mesh, aud=["somebody"])),
    "expired": lambda mesh: bearer(changed(mesh, exp=1)),
    "no service account": lambda mesh: bearer(changed(mesh, sub="somebody")),
    "unknown cluster": lambda mesh: bearer(mesh.token(), clusterid="elsewhere"),
}


@pytest.mark.parametrize("case", UNPROVEN)
async def test_who_proves_nothing_gets_nothing(mesh: Mesh, case: str) -> None:
    assert await refused(mesh, csr(), shown=UNPROVEN[case](mesh)) == (
        "UNAUTHENTICATED",
        "request authenticate failure",
    )
    assert mesh.metrics.issued._value.get() == 0


def broken() -> str:
    """A request whose own signature is not good."""
    der = bytearray(x509.load_pem_x509_csr(csr().encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    text = base64.encodebytes(bytes(der)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ("garbage", "certificate signing request is not properly encoded"),
        ("", "certificate signing request is not properly encoded"),
        (NONSENSE, "failed to parse X.509 certificate signing request"),
        (broken(), "x509: ECDSA verification failure"),
    ],
    ids=["garbage", "empty", "garbage inside", "broken signature"],
)
async def test_a_request_that_cannot_be_signed(mesh: Mesh, request_: str, why: str) -> None:
    found = await refused(mesh, request_)
    assert found == ("INVALID_ARGUMENT", f"CSR signing error ({why})")
    assert mesh.metrics.csr_errors._value.get() == 1


async def test_nobody_asks_for_others(mesh: Mesh) -> None:
    found = await refused(mesh, csr(), ImpersonatedIdentity=ID)
    assert found == ("UNAUTHENTICATED", "request impersonation authentication failure")


@pytest.mark.parametrize("signer", ["", "somebody"])
async def test_the_signer_is_the_built_in_one_whatever_is_asked(mesh: Mesh, signer: str) -> None:
    assert len(await create(mesh, csr(), CertSigner=signer)) == 2
