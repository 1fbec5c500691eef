"""From a request to a chain: what is handed out, what is refused, what is never let through."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sds.ca.authority import AuthorityError
from sds.ca.plugged import Plugged
from sds.identity import SpiffeId, of_certificate
from sds.issuer import Issuer, Limits, RateLimited, Refused, SigningFailed
from sds.rotation import RotatingAuthority
from sds.secrets import Bundle, matches
from sds.template import Template, leaf
from tests.sds.ca.test_plugged import cacerts
from tests.sds.material import START, Ca, Clock, Randomness, authority, csr, p256, rsa_key

WHO = SpiffeId("cluster.local", "shop", "cart")


def _issuer(clock: Clock, limits: Limits | None = None, **more: object) -> Issuer:
    return Issuer(
        more.get("authority") or authority(clock),  # type: ignore[arg-type]
        clock=clock,
        random=Randomness(),
        trust_domain="cluster.local",
        limits=limits or Limits(),
    )


@pytest.mark.parametrize("rsa_root", [False, True])
@pytest.mark.parametrize("key", [p256(), rsa_key()])
async def test_a_chain_of_two(rsa_root: bool, key: object) -> None:
    clock = Clock()
    ca = authority(clock, rsa_root=rsa_root)
    issuer = _issuer(clock, authority=ca)
    chain = await issuer.sign_csr(WHO, csr(key), 60)  # type: ignore[arg-type]
    assert len(chain) == 2
    assert all(text.endswith("-----END CERTIFICATE-----\n") for text in chain)
    made = x509.load_pem_x509_certificate(chain[0].encode())
    assert chain[1].encode() == ca.bundle.pem
    made.verify_directly_issued_by(ca.bundle.certificates[0])
    assert made.not_valid_after_utc == START + timedelta(seconds=60)
    assert made.not_valid_before_utc == START - timedelta(seconds=120)
    assert (issuer.counters.csr_count, issuer.counters.success) == (1, 1)


@pytest.mark.parametrize(
    "request_",
    [
        csr(),
        csr(uris=("spiffe://cluster.local/ns/kube-system/sa/admin",)),
        csr(uris=("spiffe://a/ns/b/sa/c", "spiffe://a/ns/b/sa/d")),
        csr(common_name="istiod.istio-system.svc"),
    ],
)
async def test_whatever_a_request_says_the_caller_is_named(request_: str) -> None:
    chain = await _issuer(Clock()).sign_csr(WHO, request_, 0)
    made = x509.load_pem_x509_certificate(chain[0].encode())
    assert of_certificate(made) == WHO
    assert len(made.subject) == 0


async def test_serial_numbers_differ() -> None:
    issuer, request_ = _issuer(Clock()), csr()
    chains = [await issuer.sign_csr(WHO, request_, 0) for _ in range(20)]
    numbers = {x509.load_pem_x509_certificate(c[0].encode()).serial_number for c in chains}
    assert len(numbers) == 20
    assert max(numbers) > 2**100


async def test_intermediates_stand_between(tmp_path: object) -> None:
    clock, root = Clock(), Ca("Root")
    middle = Ca("Middle", parent=root)
    directory = cacerts(tmp_path, Ca("Signer", parent=middle), above=(middle,), root=root)
    plugged = RotatingAuthority(
        Plugged(directory, clock=clock), state=None, clock=clock, random=os.urandom
    )
    chain = await _issuer(clock, authority=plugged).sign_csr(WHO, csr(), 0)
    whole = [x509.load_pem_x509_certificate(text.encode()) for text in chain]
    assert len(whole) == 4
    for child, parent in pairwise(whole):
        child.verify_directly_issued_by(parent)


@pytest.mark.parametrize(
    ("request_", "seconds", "text"),
    [
        (
            csr(),
            315_360_000,
            (
                "CSR signing error (requested TTL 87600h0m0s is greater than the max allowed TTL "
                "2160h0m0s)"
            ),
        ),
        ("", 0, "CSR signing error (certificate signing request is not properly encoded)"),
    ],
)
async def test_refusals_have_the_text_of_istiod(request_: str, seconds: int, text: str) -> None:
    issuer = _issuer(Clock())
    with pytest.raises(Refused) as caught:
        await issuer.sign_csr(WHO, request_, seconds)
    assert str(caught.value) == text
    counters = issuer.counters
    assert counters.success == 0
    assert counters.csr_parsing_err + counters.csr_sign_err == 1


async def test_too_many_requests() -> None:
    issuer, request_ = _issuer(Clock(), Limits(per_identity=1, burst=2)), csr()
    for _ in range(2):
        await issuer.sign_csr(WHO, request_, 0)
    with pytest.raises(RateLimited):
        await issuer.sign_csr(WHO, request_, 0)
    assert issuer.counters.rate_limited == 1


async def test_a_pair_made_here() -> None:
    clock = Clock()
    pair = await _issuer(clock).make(WHO, 30)
    assert pair.identity == WHO
    assert pair.not_after == START + timedelta(seconds=30)
    assert matches(pair.leaf, load_pem_private_key(pair.key, None))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="requested TTL"):
        await _issuer(clock).make(WHO, 10**9)


async def test_the_control_planes_own() -> None:
    pair = await _issuer(Clock()).server(["istiod.istio-system.svc"], ["127.0.0.1", "::1"])
    assert str(pair.identity) == "spiffe://cluster.local/ns/istio-system/sa/istiod"
    names = pair.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["istiod.istio-system.svc"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]


class _Elsewhere:
    """A CA that signs something else than asked, or nothing."""

    def __init__(self, wrong: Callable[[Template, Ca], x509.Certificate]) -> None:
        self._ca = Ca()
        self._wrong = wrong
        self.bundle = Bundle((self._ca.certificate,))
        self.chain = ()
        self.crl = b""
        self.signer_end: datetime = self._ca.certificate.not_valid_after_utc

    async def sign(self, template: Template) -> x509.Certificate:
        return self._wrong(template, self._ca)

    def on_change(self, callback: Callable[[], None]) -> None:
        raise AssertionError


def _for_another(template: Template, ca: Ca) -> x509.Certificate:
    other = Template(
        SpiffeId("cluster.local", "shop", "admin"),
        template.public_key,
        template.validity,
        template.serial,
    )
    return leaf(other, issuer=ca.certificate, key=ca.key)


def _by_another(template: Template, ca: Ca) -> x509.Certificate:
    return leaf(template, issuer=ca.certificate, key=p256())


def _down(template: Template, ca: Ca) -> x509.Certificate:
    raise AuthorityError("the disk is on fire")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (_for_another, "names are not those of the caller"),
        (_by_another, "not signed by the signing certificate"),
        (_down, "the disk is on fire"),
    ],
)
async def test_what_does_not_keep_its_promise_is_not_handed_out(
    wrong: Callable[[Template, Ca], x509.Certificate], said: str
) -> None:
    issuer = _issuer(Clock(), authority=_Elsewhere(wrong))
    for ask in (issuer.sign_csr(WHO, csr(), 0), issuer.make(WHO)):
        with pytest.raises(SigningFailed) as caught:
            await ask
        assert said not in str(caught.value)
        assert said in str(caught.value.__cause__)
    assert issuer.counters.csr_sign_err == 2
    assert issuer.counters.success == 0
