"""Another server signs: what it answers is believed as far as it keeps the promise."""

from collections.abc import Awaitable, Callable

import pytest
from cryptography import x509

from sds.ca.authority import AuthorityError
from sds.ca.remote import Remote
from sds.identity import SpiffeId
from sds.issuer import Issuer, SigningFailed
from sds.secrets import Bundle
from tests.sds.material import Ca, Clock, Randomness, authority, csr

WHO = SpiffeId("cluster.local", "shop", "cart")


class Elsewhere:
    """A server that names whom the request names, as one that trusts us does."""

    def __init__(self, clock: Clock, identity: SpiffeId = WHO) -> None:
        self.ca = authority(clock)
        self.issuer = Issuer(
            self.ca, clock=clock, random=Randomness(), trust_domain="cluster.local"
        )
        self.identity = identity
        self.asked: list[int] = []

    async def ask(self, pem: str, seconds: int) -> list[str]:
        self.asked.append(seconds)
        return list(await self.issuer.sign_csr(self.identity, pem, seconds))


def _remote(
    ask: Callable[[str, int], Awaitable[list[str]]], clock: Clock, *trust: x509.Certificate
) -> tuple[Remote, Issuer]:
    remote = Remote(ask, trust=Bundle(trust), clock=clock)
    issuer = Issuer(remote, clock=clock, random=Randomness(), trust_domain="cluster.local")
    return remote, issuer


async def test_requests_and_pairs_are_signed_elsewhere() -> None:
    clock = Clock()
    elsewhere = Elsewhere(clock)
    remote, issuer = _remote(elsewhere.ask, clock)
    told: list[bytes] = []
    remote.on_change(lambda: told.append(remote.bundle.pem))
    chain = await issuer.sign_csr(WHO, csr(uris=(str(WHO),)), 600)
    assert chain[-1].encode() == elsewhere.ca.bundle.pem
    assert (await issuer.make(WHO, 300)).identity == WHO
    assert elsewhere.asked == [600, 300]
    assert told == [elsewhere.ca.bundle.pem]
    assert remote.signer_end == elsewhere.ca.signer_end


async def test_a_new_root_elsewhere_is_trusted_beside_the_old() -> None:
    clock, old = Clock(), Ca("Old")
    remote, issuer = _remote(Elsewhere(clock).ask, clock, old.certificate)
    await issuer.make(WHO)
    assert len(remote.bundle.certificates) == 2
    assert old.certificate in remote.bundle.certificates


@pytest.mark.parametrize("uris", [(), ("spiffe://cluster.local/ns/shop/sa/admin",)])
async def test_a_request_for_somebody_else_does_not_leave(uris: tuple[str, ...]) -> None:
    clock = Clock()
    elsewhere = Elsewhere(clock)
    _, issuer = _remote(elsewhere.ask, clock)
    with pytest.raises(SigningFailed):
        await issuer.sign_csr(WHO, csr(uris=uris), 600)
    assert elsewhere.asked == []


async def _silence(pem: str, seconds: int) -> list[str]:
    raise ConnectionRefusedError("refused")


async def _one(pem: str, seconds: int) -> list[str]:
    return [Ca().pem.decode()]


async def _garbage(pem: str, seconds: int) -> list[str]:
    return ["garbage", "garbage"]


async def _strangers(pem: str, seconds: int) -> list[str]:
    return [Ca("A").pem.decode(), Ca("B").pem.decode()]


async def _somebody_else(pem: str, seconds: int) -> list[str]:
    other = SpiffeId("cluster.local", "shop", "admin")
    return await Elsewhere(Clock(), other).ask(pem, seconds)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (_silence, "does not answer: refused"),
        (_one, "answered with 1 certificates"),
        (_garbage, "there is no certificate"),
        (_strangers, "no chain leads"),
        (_somebody_else, "names are not those of the caller"),
    ],
)
async def test_a_bad_answer_is_refused(
    ask: Callable[[str, int], Awaitable[list[str]]], said: str
) -> None:
    remote, issuer = _remote(ask, Clock())
    with pytest.raises(SigningFailed) as caught:
        await issuer.make(WHO)
    assert isinstance(caught.value.__cause__, AuthorityError)
    assert said in str(caught.value.__cause__)
    assert remote.bundle == Bundle()
