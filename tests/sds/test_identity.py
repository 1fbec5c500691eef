"""SPIFFE ids: printed, parsed, and found in certificates."""

from contextlib import suppress

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sds.identity import IdentityError, SpiffeId, of_certificate, parse
from tests.sds.material import Ca, workload_names

_SEGMENT = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)


@given(_SEGMENT, _SEGMENT, _SEGMENT)
def test_what_is_printed_is_read_again(domain: str, namespace: str, account: str) -> None:
    identity = SpiffeId(domain, namespace, account)
    assert parse(str(identity)) == identity


@given(st.text(max_size=60))
def test_any_text_is_an_identity_or_an_error(text: str) -> None:
    with suppress(IdentityError):
        assert str(parse("spiffe://" + text)) == "spiffe://" + text.replace("@", ".")


def test_a_trust_domain_that_is_a_mail_address() -> None:
    identity = parse("spiffe://me@example.com/ns/a/sa/b")
    assert str(identity) == "spiffe://me.example.com/ns/a/sa/b"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://td/ns/a/sa/b", "does not begin with spiffe://"),
        ("spiffe://td/ns/a/sa", "4 segments"),
        ("spiffe://td/ns/a/sa/b/c", "6 segments"),
        ("spiffe://td/sa/a/ns/b", "/ns/…/sa/…"),
        ("spiffe:///ns/a/sa/b", "trust domain is empty"),
        ("spiffe://td/ns//sa/b", "namespace is empty"),
        ("spiffe://td/ns/a/sa/", "service account is empty"),
        ("spiffe://td/ns/../sa/b", "namespace '..'"),
        ("spiffe://td/ns/a b/sa/b", "namespace 'a b'"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(IdentityError, match=said.replace(".", r"\.")):
        parse(text)


def test_no_part_can_smuggle_in_another() -> None:
    with pytest.raises(IdentityError, match="namespace"):
        SpiffeId("td", "a/sa/admin", "b")


def test_a_certificate_names_exactly_one() -> None:
    ca, uri = Ca(), "spiffe://cluster.local/ns/shop/sa/cart"
    assert of_certificate(ca.leaf(workload_names(uri))) == SpiffeId("cluster.local", "shop", "cart")
    both = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)] * 2)
    with pytest.raises(IdentityError, match="2 URI names"):
        of_certificate(ca.leaf(both))
    with pytest.raises(IdentityError, match="no subject alternative name"):
        of_certificate(ca.leaf())
