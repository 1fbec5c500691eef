"""Secrets as Envoy takes them, and that nothing of them is shown."""

import pytest
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from translators import sds
from translators.model import Certificate, Trust
from translators.wire import SECRET, Packed


def read(packed: Packed) -> Secret:
    assert packed.type_url == SECRET
    found = Secret.FromString(packed.value)
    assert found.name == packed.name
    return found


def test_a_certificate_with_its_key() -> None:
    found = read(sds.certificate("default", chain=b"chain", key=b"key"))
    assert found.tls_certificate.certificate_chain.inline_bytes == b"chain"
    assert found.tls_certificate.private_key.inline_bytes == b"key"
    assert not found.tls_certificate.HasField("ocsp_staple")


def test_trust() -> None:
    found = read(sds.trust("ROOTCA", roots=b"roots"))
    assert found.validation_context.trusted_ca.inline_bytes == b"roots"
    assert not found.validation_context.HasField("crl")


def test_what_a_secret_holds() -> None:
    found = read(sds.secret("a", Certificate(b"chain", b"key", b"staple")))
    assert found.tls_certificate.ocsp_staple.inline_bytes == b"staple"
    assert read(sds.secret("a", Trust(b"roots", b"crl"))).validation_context.crl.inline_bytes == (
        b"crl"
    )


@pytest.mark.parametrize("content", [Certificate(b"chain", b"s3cret"), Trust(b"s3cret")])
def test_nothing_is_shown(content: Certificate | Trust) -> None:
    assert "s3cret" not in repr(content) + repr(sds.secret("a", content))


def test_equal_content_gives_equal_bytes() -> None:
    one, two = (sds.certificate("a", chain=b"c", key=b"k") for _ in range(2))
    assert one.value == two.value
