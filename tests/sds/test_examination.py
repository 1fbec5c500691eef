"""Every fault is found, alone, with cause and remedy; a good certificate has none."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from sds.check import Fault, Purpose, Severity, examine
from sds.secrets import Bundle, encode, encode_key
from tests.sds.material import START, Ca, p256, rsa_key, workload_names

ROOT = Ca("Root")
MIDDLE = Ca("Middle", parent=ROOT)
ROOTS = Bundle((ROOT.certificate,))
NAMES = workload_names()


def _examined(*chain: x509.Certificate, **more: object) -> tuple[Fault, ...]:
    arguments = {"roots": ROOTS, "now": START, **more}
    return examine(encode(chain), **arguments)  # type: ignore[arg-type]


def _reasons(*chain: x509.Certificate, **more: object) -> list[str]:
    found = _examined(*chain, **more)
    assert all(fault.message and fault.remedy and fault.certificate for fault in found)
    return [fault.reason for fault in found]


def test_a_good_one_has_no_fault() -> None:
    key = p256()
    leaf = MIDDLE.leaf(NAMES, key=key)
    upper = Ca("Upper", parent=MIDDLE)
    deep = upper.leaf(NAMES)
    assert _reasons(leaf, MIDDLE.certificate, key=encode_key(key)) == []
    assert _reasons(leaf, MIDDLE.certificate, trust_domains=["x", "cluster.local"]) == []
    for middle in ((upper, MIDDLE), (MIDDLE, upper), (ROOT, MIDDLE, upper)):
        assert _reasons(deep, *(ca.certificate for ca in middle)) == []


def _usage(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names})


CLIENT_ONLY = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
TWO_NAMES = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://a/b")] * 2)
DNS = x509.SubjectAlternativeName([x509.DNSName("shop.example")])


@pytest.mark.parametrize(
    ("reason", "chain", "more"),
    [
        ("LeafNotFirst", (MIDDLE.certificate, MIDDLE.leaf(NAMES)), {}),
        ("KeyMismatch", (ROOT.leaf(NAMES),), {"key": encode_key(p256())}),
        ("KeyUnreadable", (ROOT.leaf(NAMES),), {"key": b"x"}),
        ("IssuerMissing", (MIDDLE.leaf(NAMES),), {}),
        ("OtherKeyOfIssuer", (Ca("Root").leaf(NAMES),), {}),
        ("IssuerNotCa", (Ca("X", parent=ROOT, is_ca=False).leaf(NAMES),), {}),
        ("Expired", (ROOT.leaf(NAMES, end=START),), {}),
        ("ExpiresSoon", (ROOT.leaf(NAMES, end=START + timedelta(seconds=50)),), {}),
        ("NotYetValid", (ROOT.leaf(NAMES, start=START + timedelta(minutes=2)),), {}),
        ("ClockSkew", (ROOT.leaf(NAMES, start=START + timedelta(seconds=50)),), {}),
        ("KeyUsage", (ROOT.leaf(NAMES, _usage(key_encipherment=True)),), {}),
        (
            "KeyUsage",
            (ROOT.leaf(NAMES, _usage(digital_signature=True, key_cert_sign=True)),),
            {},
        ),
        ("ExtendedKeyUsage", (ROOT.leaf(NAMES, CLIENT_ONLY),), {}),
        ("ExtendedKeyUsage", (ROOT.leaf(DNS, CLIENT_ONLY),), {"purpose": Purpose.SERVER}),
        ("NoNames", (ROOT.leaf(),), {"purpose": Purpose.SERVER}),
        ("NotSpiffe", (ROOT.leaf(),), {}),
        ("NotSpiffe", (ROOT.leaf(TWO_NAMES),), {}),
        ("TrustDomain", (ROOT.leaf(NAMES),), {"trust_domains": ["example.com"]}),
        ("WeakKey", (ROOT.leaf(NAMES, key=rsa_key(1024)),), {}),
        ("WeakKey", (ROOT.leaf(NAMES, key=ec.generate_private_key(ec.SECP256K1())),), {}),
    ],
)
def test_each_fault_alone(
    reason: str, chain: tuple[x509.Certificate, ...], more: dict[str, object]
) -> None:
    if reason == "IssuerNotCa":
        issuer = Ca("X", parent=ROOT, is_ca=False)
        chain = (issuer.leaf(NAMES), issuer.certificate)
    assert _reasons(*chain, **more) == [reason]


def test_purposes() -> None:
    assert _reasons(ROOT.leaf(DNS), purpose=Purpose.SERVER) == []
    assert _reasons(ROOT.leaf(CLIENT_ONLY), purpose=Purpose.CLIENT) == []


def test_a_file_without_certificates() -> None:
    (fault,) = examine(b"x", roots=ROOTS, now=START)
    assert (fault.severity, fault.reason) == (Severity.ERROR, "Unreadable")


def test_one_that_signed_itself() -> None:
    assert "SelfSigned" in _reasons(Ca("Self", is_ca=False).certificate)
    assert "LeafIsCa" in _reasons(MIDDLE.certificate)


def test_a_ca_too_deep_and_one_that_ends_early() -> None:
    root = Ca("Short", path_length=0)
    signer = Ca("Signer", parent=root, end=START + timedelta(hours=1))
    found = _examined(signer.leaf(NAMES), signer.certificate, roots=Bundle((root.certificate,)))
    assert [(fault.reason, fault.severity) for fault in found] == [
        ("PathTooLong", Severity.ERROR),
        ("OutlivesIssuer", Severity.WARNING),
    ]
    assert "O=Signer" in found[1].certificate


def test_a_weak_signature() -> None:
    root = Ca("Weak", key=rsa_key())
    # nobody here signs with SHA-1 any more: the algorithm is written over
    der = root.leaf(NAMES).public_bytes(Encoding.DER)
    sha256, sha1 = (bytes.fromhex(f"06092a864886f70d0101{end}") for end in ("0b", "05"))
    assert der.count(sha256) == 2
    leaf = x509.load_der_x509_certificate(der.replace(sha256, sha1))
    assert _reasons(leaf, roots=Bundle((root.certificate,))) == ["WeakSignature"]


def test_what_was_revoked() -> None:
    leaf = ROOT.leaf(NAMES)
    crl = Ca("Other").revokes(leaf.serial_number) + ROOT.revokes(leaf.serial_number)
    assert _reasons(leaf, roots=Bundle((ROOT.certificate,), crl)) == ["Revoked"]
    assert _reasons(ROOT.leaf(NAMES), roots=Bundle((ROOT.certificate,), crl)) == []
    # a list that another key signed under the same name says nothing
    forged = Ca("Root").revokes(leaf.serial_number)
    assert _reasons(leaf, roots=Bundle((ROOT.certificate,), forged)) == []
    old = ROOT.revokes(1, until=START)
    assert _reasons(leaf, roots=Bundle((ROOT.certificate,), old)) == ["CrlOutdated"]


def test_faults_name_the_certificate_and_no_key() -> None:
    key = encode_key(p256())
    (fault,) = _examined(ROOT.leaf(NAMES), key=key)
    assert fault.certificate.startswith("spiffe://cluster.local/ns/shop/sa/cart serial ")
    assert key.splitlines()[1].decode() not in str(fault)
