"""Bundles and key pairs: what is read, what is refused, what never shows."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from sds.identity import SpiffeId
from sds.secrets import (
    Bundle,
    KeyPair,
    SecretError,
    encode,
    encode_key,
    read_bundle,
    read_keypair,
    read_revocations,
)
from tests.sds.material import PEM, START, Ca, p256, rsa_key, workload_names

CA = Ca()


def test_a_bundle_is_what_it_holds_in_whatever_order() -> None:
    first, second = Ca("A"), Ca("B")
    one = Bundle((first.certificate, second.certificate, first.certificate))
    other = read_bundle(second.pem + first.pem)
    assert one == other
    assert hash(one) == hash(other)
    assert one.pem == other.pem
    assert len(one.certificates) == len(one.fingerprints) == 2
    assert one != Bundle((first.certificate,))
    assert one != read_bundle(one.pem, first.revokes(1))


@pytest.mark.parametrize("key", [p256(), rsa_key(), ec.generate_private_key(ec.SECP384R1())])
def test_a_chain_with_its_key(key: ec.EllipticCurvePrivateKey) -> None:
    made = CA.leaf(workload_names(), key=key)
    pair = read_keypair(b"subject=x\n" + encode((made, CA.certificate)), encode_key(key))
    assert pair.leaf == made
    assert pair.chain == encode((made, CA.certificate))
    assert pair.not_after == made.not_valid_after_utc
    assert pair.identity == SpiffeId("cluster.local", "shop", "cart")


def test_a_key_never_shows() -> None:
    key = p256()
    pair = read_keypair(encode((CA.leaf(key=key),)), encode_key(key))
    body = encode_key(key).splitlines()[1].decode()
    for text in (repr(pair), str(pair), f"{pair}", repr([pair])):
        assert "PRIVATE KEY" not in text
        assert body not in text


def test_a_key_in_the_chain_file_is_left_out() -> None:
    key = p256()
    pem = encode_key(key) + encode((CA.leaf(key=key),))
    assert b"PRIVATE" not in read_keypair(pem, encode_key(key)).chain


def _encrypted() -> bytes:
    return p256().private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )


def _ed25519() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nZZZ\n-----END PRIVATE KEY-----\n", "cannot be read"),
        (_encrypted(), "encrypted"),
        (_ed25519(), "neither ECDSA nor RSA"),
        (encode_key(rsa_key(1024)), "1024 bits"),
        (encode_key(ec.generate_private_key(ec.SECP256K1())), "secp256k1"),
        (encode_key(p256()), "does not belong"),
    ],
)
def test_a_key_that_cannot_be_used(key: bytes, said: str) -> None:
    with pytest.raises(SecretError, match=said) as caught:
        read_keypair(encode((CA.leaf(),)), key)
    assert caught.value.__cause__ is None
    assert "BEGIN" not in str(caught.value)


def test_a_chain_that_cannot_be_used() -> None:
    key = p256()
    made = CA.leaf(key=key)
    with pytest.raises(SecretError, match="no certificate"):
        read_keypair(b"", encode_key(key))
    with pytest.raises(SecretError, match="cannot be read"):
        read_keypair(encode((made,)).replace(b"MII", b"AAA", 1), encode_key(key))
    with pytest.raises(SecretError, match="belongs to certificate 2 of 2"):
        read_keypair(encode((CA.certificate, made)), encode_key(key))


def test_revocations() -> None:
    both = CA.revokes(1) + Ca("B").revokes(2)
    assert read_revocations(both) == both
    assert read_revocations(b"") == b""
    with pytest.raises(SecretError, match="no CRL"):
        read_revocations(CA.pem)
    with pytest.raises(SecretError, match="cannot be read"):
        read_revocations(CA.revokes(1).replace(b"MII", b"AAA", 1).replace(b"MIG", b"AAA", 1))


def test_a_pair_is_known_by_its_content() -> None:
    key = p256()
    made = CA.leaf(key=key, start=START)
    assert KeyPair(encode((made,)), encode_key(key)) == read_keypair(
        encode((made,)), encode_key(key)
    )
