"""Requests as istiod judges them, lifetimes as it grants them, leaves as it builds them."""

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from sds.identity import SpiffeId
from sds.template import (
    CsrError,
    Lifetimes,
    PrivateKey,
    Template,
    TtlError,
    go_duration,
    leaf,
    request,
    validity,
)
from tests.sds.material import PEM, START, Ca, csr, p256, rsa_key

FAR = START + timedelta(days=3650)


def _broken(pem: str) -> str:
    """The request with another signature: its last byte is turned."""
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(PEM.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


@pytest.mark.parametrize("key", [p256(), ec.generate_private_key(ec.SECP384R1()), rsa_key()])
def test_the_key_of_a_good_request(key: PrivateKey) -> None:
    assert request(csr(key)) == key.public_key()


@pytest.mark.parametrize(
    ("pem", "text"),
    [
        ("", "certificate signing request is not properly encoded"),
        ("garbage", "certificate signing request is not properly encoded"),
        (csr().replace("M", "!", 1), "certificate signing request is not properly encoded"),
        (csr() + " " * 20_000, "certificate signing request is not properly encoded"),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE REQUEST-----",
            "failed to parse X.509 certificate signing request",
        ),
        (_broken(csr()), "x509: ECDSA verification failure"),
        (_broken(csr(rsa_key())), "crypto/rsa: verification error"),
    ],
)
def test_a_bad_request_gets_the_text_of_istiod(pem: str, text: str) -> None:
    with pytest.raises(CsrError) as caught:
        request(pem)
    assert str(caught.value) == text


def test_weak_and_strange_keys_are_not_certified() -> None:
    with pytest.raises(CsrError, match="RSA key of 1024 bits"):
        request(csr(rsa_key(1024)))
    with pytest.raises(CsrError, match="curve secp521r1"):
        request(csr(ec.generate_private_key(ec.SECP521R1())))
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    signed = builder.sign(ed25519.Ed25519PrivateKey.generate(), None)
    with pytest.raises(CsrError, match="Ed25519 key"):
        request(signed.public_bytes(PEM).decode())


@pytest.mark.parametrize(
    ("seconds", "length"),
    [(0, 86_400), (-5, 86_400), (60, 60), (90 * 86_400, 90 * 86_400)],
)
def test_a_lifetime_that_is_granted(seconds: int, length: int) -> None:
    granted = validity(seconds, now=START, lifetimes=Lifetimes(), signer_end=FAR)
    assert granted.not_before == START - timedelta(seconds=120)
    assert granted.not_after == START + timedelta(seconds=length)


def test_a_lifetime_that_is_too_long() -> None:
    for seconds in (315_360_000, 2**62):
        with pytest.raises(TtlError, match="is greater than the max allowed TTL 2160h0m0s"):
            validity(seconds, now=START, lifetimes=Lifetimes(), signer_end=FAR)
    with pytest.raises(TtlError, match=r"^requested TTL 87600h0m0s is"):
        validity(315_360_000, now=START, lifetimes=Lifetimes(), signer_end=FAR)


def test_nothing_outlives_its_signer() -> None:
    end = START + timedelta(minutes=5)
    assert validity(0, now=START, lifetimes=Lifetimes(), signer_end=end).not_after == end
    with pytest.raises(TtlError, match="has expired"):
        validity(0, now=end, lifetimes=Lifetimes(), signer_end=end)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (45, "45s"), (90, "1m30s"), (3600, "1h0m0s")]
)
def test_durations_as_go_prints_them(seconds: int, text: str) -> None:
    assert go_duration(seconds) == text


@pytest.mark.parametrize("signer", [p256(), rsa_key(), ec.generate_private_key(ec.SECP384R1())])
def test_a_leaf_is_that_of_istiod(signer: PrivateKey) -> None:
    ca = Ca(key=signer)
    identity = SpiffeId("cluster.local", "shop", "cart")
    granted = validity(60, now=START, lifetimes=Lifetimes(), signer_end=FAR)
    template = Template(identity, p256().public_key(), granted, 2**127 + 1)
    made = leaf(template, issuer=ca.certificate, key=ca.key)

    made.verify_directly_issued_by(ca.certificate)
    assert (made.serial_number, made.version) == (2**127 + 1, x509.Version.v3)
    assert len(made.subject) == 0
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(seconds=180)
    wide = isinstance(signer, ec.EllipticCurvePrivateKey) and signer.key_size == 384
    expected = hashes.SHA384 if wide else hashes.SHA256
    assert isinstance(made.signature_hash_algorithm, expected)

    found = {extension.oid: extension for extension in made.extensions}
    assert len(found) == 5
    names = found[x509.SubjectAlternativeName.oid]
    assert names.critical
    assert list(names.value) == [x509.UniformResourceIdentifier(str(identity))]
    usage = found[x509.KeyUsage.oid]
    assert usage.critical
    assert usage.value.public_bytes() == bytes.fromhex("030205a0")  # bits 0 and 2
    assert list(found[x509.ExtendedKeyUsage.oid].value) == [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]
    basic = found[x509.BasicConstraints.oid]
    assert basic.critical
    assert basic.value == x509.BasicConstraints(ca=False, path_length=None)
    own = ca.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert found[x509.AuthorityKeyIdentifier.oid].value.key_identifier == own.digest
