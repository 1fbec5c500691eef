"""The tls block of a Gateway's server."""

from typing import Any

import pytest

from controlplane.kinds import GatewaySpec, ServerTls, ServerTlsMode
from tests.controlplane.kinds.samples import faults, remarks, spec
from tests.controlplane.kinds.test_gateway import secure

AT = "spec.servers[0].tls"


def tls(**fields: Any) -> ServerTls:
    found = spec(GatewaySpec, secure(**fields)).servers[0].tls
    assert found is not None
    return found.value()


def test_every_field_is_kept() -> None:
    assert tls(
        mode="MUTUAL",
        serverCertificate="/c",
        privateKey="/k",
        caCertificates="/ca",
        caCrl="/crl",
        subjectAltNames=["spiffe://x"],
        verifyCertificateSpki=["s" * 44],
        verifyCertificateHash=["a" * 64],
        minProtocolVersion="TLSV1_2",
        maxProtocolVersion="TLSV1_3",
        cipherSuites=["AES128-SHA"],
        insecureSkipVerify=True,
    ) == ServerTls(
        mode=ServerTlsMode.MUTUAL,
        files=(("/c", "/k"),),
        roots="/ca",
        crl="/crl",
        sans=("spiffe://x",),
        spki=("s" * 44,),
        hashes=("a" * 64,),
        minimum="TLSv1_2",
        maximum="TLSv1_3",
        ciphers=("AES128-SHA",),
        unverified=True,
    )


def test_certificates_are_named_in_any_of_the_ways() -> None:
    assert tls(mode="SIMPLE", credentialName="a").credentials == ("a",)
    assert tls(mode="SIMPLE", credentialNames=["a", "b"]).credentials == ("a", "b")
    found = tls(mode="MUTUAL", credentialName="a", caCertCredentialName="kubernetes-gateway://n/b")
    assert (found.credentials, found.ca) == (("a",), "kubernetes-gateway://n/b")
    listed = [
        {"serverCertificate": "/a", "privateKey": "/b", "caCertificates": "/r"},
        {"serverCertificate": "/c", "privateKey": "/d"},
    ]
    found = tls(mode="MUTUAL", tlsCertificates=listed)
    assert (found.files, found.roots) == ((("/a", "/b"), ("/c", "/d")), "/r")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (
            {"mode": "SIMPLE"},
            [("serverCertificate", "Required"), ("privateKey", "Required")],
        ),
        (
            {"mode": "OPTIONAL_MUTUAL", "serverCertificate": "/c", "privateKey": "/k"},
            [("caCertificates", "Required")],
        ),
        ({"mode": "ISTIO_MUTUAL", "credentialName": "c"}, [("credentialName", "NotAllowed")]),
        (
            {"mode": "SIMPLE", "credentialName": "c", "credentialNames": ["d"]},
            [("credentialNames", "OneOf")],
        ),
        ({"mode": "SIMPLE", "credentialName": "c", "caCrl": "/l"}, [("caCrl", "NotAllowed")]),
        ({"mode": "SIMPLE", "credentialName": "sds://c"}, [("credentialName", "NotSupported")]),
        (
            {"mode": "SIMPLE", "credentialName": "kubernetes-gateway://c"},
            [("credentialName", "Credential")],
        ),
        (
            {"mode": "SIMPLE", "credentialName": "c", "verifyCertificateSpki": ["x"]},
            [("verifyCertificateSpki[0]", "Hash")],
        ),
        (
            {"mode": "SIMPLE", "credentialName": "c", "verifyCertificateHash": ["x"]},
            [("verifyCertificateHash[0]", "Hash")],
        ),
        ({"mode": "STRICT"}, [("mode", "UnsupportedValue")]),
    ],
)
def test_it_is_refused_where_it_is_wrong(
    fields: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert faults(secure(**fields)) == [(f"{AT}.{field}", reason) for field, reason in found]


def test_ciphers_that_nobody_knows_are_left_out_and_said() -> None:
    suites = ["ROT13", "AES128-SHA", "AES128-SHA"]
    raw = {"mode": "SIMPLE", "credentialName": "c", "cipherSuites": suites}
    assert tls(**raw).ciphers == ("AES128-SHA",)
    assert remarks(secure(**raw)) == [
        (f"{AT}.cipherSuites[0]", "Cipher"),
        (f"{AT}.cipherSuites[2]", "DuplicateCipher"),
    ]


def test_what_has_no_effect_is_said() -> None:
    raw = secure(mode="SIMPLE", credentialName="c", httpsRedirect=True)
    assert remarks(raw) == [(f"{AT}.httpsRedirect", "Ineffective")]
    raw = secure(mode="MUTUAL", credentialName="c", insecureSkipVerify=True)
    assert remarks(raw) == [(f"{AT}.insecureSkipVerify", "Unverified")]
    raw = secure(mode="OPTIONAL_MUTUAL", credentialName="c", subjectAltNames=["me"])
    assert remarks(raw) == [(f"{AT}.mode", "Ineffective")]
    raw = secure(
        mode="SIMPLE",
        credentialName="c",
        minProtocolVersion="TLSV1_3",
        maxProtocolVersion="TLSV1_2",
    )
    assert remarks(raw) == [(f"{AT}.maxProtocolVersion", "VersionRange")]
