"""Who is calling: certificates and tokens, and which of them counts."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sds.attest import CertificateAttestor, Evidence, NotAttested, TokenAttestor, first
from sds.identity import SpiffeId
from sds.tokens import LocalTokens
from tests.sds.material import START, Ca, Clock, workload_names

CA = Ca()
TOKENS = LocalTokens(None)
CART = SpiffeId("cluster.local", "shop", "cart")


def _certificate(uri: str = str(CART)) -> bytes:
    return CA.leaf(workload_names(uri)).public_bytes(Encoding.DER)


def _bearer(token: str | None = None) -> dict[str, str]:
    token = token or TOKENS.issue("shop", "till", seconds=60, now=START)
    return {"authorization": f"Bearer {token}"}


async def _who(evidence: Evidence, clock: Clock | None = None) -> SpiffeId:
    clock = clock or Clock()
    attestors = (
        CertificateAttestor(["cluster.local", "me@old.example"], clock=clock),
        TokenAttestor(TOKENS, trust_domain="cluster.local", clock=clock),
    )
    return await first(attestors, evidence)


async def test_who_is_proven() -> None:
    assert await _who(Evidence({}, _certificate())) == CART
    assert await _who(Evidence(_bearer())) == SpiffeId("cluster.local", "shop", "till")
    alias = "spiffe://me.old.example/ns/shop/sa/cart"
    assert str(await _who(Evidence({}, _certificate(alias)))) == alias


async def test_a_good_evidence_wins_over_a_bad_one() -> None:
    assert await _who(Evidence(_bearer("garbage"), _certificate())) == CART
    assert await _who(Evidence(_bearer(), _certificate())) == CART
    assert (await _who(Evidence(_bearer(), b"garbage"))).service_account == "till"


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (Evidence({}), "neither a client certificate nor a token"),
        (Evidence({"authorization": ""}), "not of type Bearer"),
        (Evidence({"authorization": "Basic YTpi"}), "not of type Bearer"),
        (Evidence({"authorization": "Bearer "}), "not one of ours"),
        (Evidence({}, b"garbage"), "client certificate: "),
        (Evidence({}, CA.leaf().public_bytes(Encoding.DER)), "no subject alternative name"),
        (Evidence({}, _certificate("spiffe://evil/ns/shop/sa/cart")), "not of this mesh"),
    ],
)
async def test_what_proves_nothing(evidence: Evidence, said: str) -> None:
    with pytest.raises(NotAttested, match=said):
        await _who(evidence)


async def test_a_connection_may_outlive_its_certificate() -> None:
    clock = Clock()
    clock.step(hours=24)
    with pytest.raises(NotAttested, match="has expired"):
        await _who(Evidence({}, _certificate()), clock)


def test_tokens_do_not_show() -> None:
    assert "secret" not in repr(Evidence(_bearer("secret"), b"secret"))
