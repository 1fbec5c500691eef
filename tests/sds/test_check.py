"""A certificate that does not keep a promise is found out, in whichever point."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from sds.check import fulfils
from sds.identity import SpiffeId
from sds.template import Lifetimes, Template, leaf, validity
from tests.sds.material import START, Ca, p256

CA = Ca()
GRANTED = validity(
    3600, now=START, lifetimes=Lifetimes(), signer_end=CA.certificate.not_valid_after_utc
)
TEMPLATE = Template(
    SpiffeId("cluster.local", "shop", "cart"), p256().public_key(), GRANTED, 5, ("a.shop",)
)


def _signed(template: Template, ca: Ca = CA) -> x509.Certificate:
    return leaf(template, issuer=ca.certificate, key=ca.key)


def test_what_is_promised_is_kept() -> None:
    assert fulfils(_signed(TEMPLATE), TEMPLATE, CA.certificate) == ()


def _moved(**spans: float) -> Template:
    change = timedelta(**spans)
    return replace(
        TEMPLATE,
        validity=replace(
            GRANTED,
            not_before=GRANTED.not_before + change,
            not_after=GRANTED.not_after + change,
        ),
    )


def test_a_signer_whose_clock_is_a_little_off_or_that_grants_less() -> None:
    assert fulfils(_signed(_moved(seconds=50)), TEMPLATE, CA.certificate) == ()
    short = replace(
        TEMPLATE, validity=replace(GRANTED, not_after=GRANTED.not_after - timedelta(minutes=30))
    )
    assert fulfils(_signed(short), TEMPLATE, CA.certificate) == ()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (_signed(replace(TEMPLATE, public_key=p256().public_key())), "for another key"),
        (_signed(replace(TEMPLATE, dns_names=())), "names are not those"),
        (
            _signed(replace(TEMPLATE, identity=SpiffeId("cluster.local", "shop", "x"))),
            "names are not those",
        ),
        (_signed(_moved(minutes=5)), "longer than"),
        (_signed(_moved(hours=2)), "valid from"),
        (_signed(_moved(hours=-2)), "valid from"),
        (_signed(TEMPLATE, Ca("Other")), "not signed by"),
        (CA.leaf(), "key usage is not"),
        (CA.leaf(), "extended key usage is not"),
        (CA.leaf(), "basic constraints"),
        (CA.leaf(), "authority key identifier"),
        (CA.leaf(subject="Somebody"), "its subject is O=Somebody"),
        (Ca("Sub", parent=CA).certificate, "basic constraints"),
    ],
)
def test_what_is_broken_is_said(made: x509.Certificate, said: str) -> None:
    assert any(said in text for text in fulfils(made, TEMPLATE, CA.certificate))
