from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from examples.demo.layout import CLIENT, INGRESS
from examples.demo.trust import (
    Certificate,
    Rotation,
    certificate,
    made,
    rotation,
    short,
    unproven,
    unrotated,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
END = NOW + timedelta(seconds=20)
OLD, NEW = "a" * 64, "b" * 64
DONE = Rotation("STABLE", (NEW,), NEW)


def signed(subject: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey) -> Any:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    return x509.CertificateBuilder(issuer, name, key.public_key(), 1, NOW, END).sign(
        by, hashes.SHA256()
    )


def pem(*found: x509.Certificate) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in found)


def digest(found: x509.Certificate) -> str:
    return found.fingerprint(hashes.SHA256()).hex()


def test_a_certificate_is_read_with_the_root_that_really_signed_it() -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    # roots that follow each other have one name: only the signature tells them apart
    old, new = signed("root", keys[0], keys[0]), signed("root", keys[1], keys[1])
    leaf = signed("leaf", keys[2], keys[1])
    item = {
        "proxy": "client.demo",
        "identity": CLIENT.identity,
        "state": "Active",
        "chain": pem(leaf, new),
        "roots": pem(old, new),
        "acknowledged": True,
    }
    assert certificate(item) == Certificate(
        "client", CLIENT.identity, "Active", digest(leaf), digest(new), END, acknowledged=True
    )
    assert certificate(item | {"roots": pem(old)}).root == ""


def test_a_proxy_without_a_certificate_has_none() -> None:
    item = {"proxy": "client.demo", "identity": "", "secrets": "none"}
    assert certificate(item) == Certificate("client", "")


def test_the_stage_is_read_with_roots_and_signer() -> None:
    roots = [{"fingerprint": OLD, "signs": False}, {"fingerprint": NEW, "signs": True}]
    assert rotation({"stage": "SIGNING", "roots": roots}) == Rotation("SIGNING", (OLD, NEW), NEW)
    assert short(OLD) == "aaaaaaaa"


def test_certificates_that_were_made_are_counted_without_those_that_failed() -> None:
    text = """# HELP meshpilot_workload_cert_renewals_total Certificates made for SDS.
# TYPE meshpilot_workload_cert_renewals_total counter
meshpilot_workload_cert_renewals_total{outcome="made"} 14.0
meshpilot_workload_cert_renewals_total{outcome="failed"} 2.0
# TYPE meshpilot_workload_cert_renewals_created gauge
meshpilot_workload_cert_renewals_created{outcome="made"} 1.7e9
"""
    assert made(text) == 14
    assert made("") == 0


def test_a_workload_that_is_not_connected_as_itself_is_named() -> None:
    client = Certificate("client", CLIENT.identity, acknowledged=True)
    ingress = Certificate("ingress", INGRESS.identity, acknowledged=True)
    assert unproven([client, ingress], [CLIENT, INGRESS]) == []
    for other in (replace(ingress, identity=""), replace(ingress, acknowledged=False)):
        [complaint] = unproven([client, other], [CLIENT, INGRESS])
        assert complaint == f"the Envoy of ingress is not proven to be {INGRESS.identity}"
    assert len(unproven([], [CLIENT, INGRESS])) == 2


def test_a_rotation_is_over_when_one_new_root_has_signed_everything() -> None:
    found = [Certificate("client", "x", root=NEW), Certificate("web", "y", root=NEW)]
    assert unrotated(found, DONE, old=OLD) == []


def test_what_is_left_of_the_old_root_is_named() -> None:
    [stage, roots] = unrotated([], Rotation("SIGNING", (OLD, NEW), NEW), old=OLD)
    assert "SIGNING" in stage
    assert roots == "trusted are ['aaaaaaaa', 'bbbbbbbb'], not one new root"
    assert len(unrotated([], Rotation("STABLE", (OLD,), OLD), old=OLD)) == 1
    [complaint] = unrotated([Certificate("web", "y", root=OLD)], DONE, old=OLD)
    assert complaint == "web's certificate is not of the new root"
