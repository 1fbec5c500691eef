"""The chains of a port: Istio's table, and never an open door for want of an identity."""

import pytest

from controlplane.convergence.chains import TABLE, Door, Spoken, chains, inspected, options
from translators.model import HttpConnection, PeerMode, SecretSource, TcpForward

DISABLE, PERMISSIVE, STRICT = PeerMode.DISABLE, PeerMode.PERMISSIVE, PeerMode.STRICT


def door(mode: PeerMode, spoken: Spoken, port: int | None = 80) -> Door:
    def handler(http: bool) -> HttpConnection | TcpForward:
        return TcpForward((("http" if http else "tcp", 0),), "")

    return Door(mode, spoken, port, lambda http: "chain", handler)


def test_every_mode_and_protocol_is_there() -> None:
    assert TABLE.keys() == {(mode, spoken) for mode in PeerMode for spoken in Spoken}


@pytest.mark.parametrize("spoken", Spoken)
@pytest.mark.parametrize("mode", PeerMode)
def test_only_mutual_tls_leads_in_where_it_is_strict(mode: PeerMode, spoken: Spoken) -> None:
    found = options(mode, spoken, SecretSource.AGENT)
    assert any(option.transport == "raw_buffer" for option in found) == (mode is not STRICT)
    assert any(option.secured for option in found) == (mode is not DISABLE)
    if mode is STRICT:
        assert all(option.secured for option in found)


@pytest.mark.parametrize("spoken", Spoken)
@pytest.mark.parametrize("mode", PeerMode)
def test_without_identities_nothing_is_secured_and_strict_is_shut(
    mode: PeerMode, spoken: Spoken
) -> None:
    found = tuple(chains(door(mode, spoken), SecretSource.NONE, ("cluster.local",)))
    assert all(chain.tls is None for chain in found)
    if mode is STRICT:
        (chain,) = found
        assert chain.handler == TcpForward((("BlackHoleCluster", 0),), "BlackHoleCluster;")
        assert chain.match is not None
        assert chain.match.destination_port == 80
    else:
        plain = tuple(chains(door(DISABLE, spoken), SecretSource.NONE, ()))
        assert found == plain


def test_the_server_asks_for_identities_of_its_trust_domains() -> None:
    (chain,) = chains(door(STRICT, Spoken.HTTP), SecretSource.ADS, ("a.example", "b@example"))
    assert chain.tls is not None
    assert chain.tls.require
    assert [san.value for san in chain.tls.sans] == ["spiffe://a.example/", "spiffe://b.example/"]
    assert chain.tls.trust is not None
    assert {chain.tls.trust.source, *(c.source for c in chain.tls.certificates)} == {
        SecretSource.ADS
    }
    assert chain.tls.alpn == ("h2", "http/1.1")


@pytest.mark.parametrize(
    ("mode", "spoken", "expected"),
    [
        (STRICT, Spoken.HTTP, (True, False)),
        (STRICT, Spoken.ANY, (True, False)),
        (PERMISSIVE, Spoken.TCP, (True, False)),
        (PERMISSIVE, Spoken.ANY, (True, True)),
        (DISABLE, Spoken.HTTP, (False, False)),
        (DISABLE, Spoken.ANY, (False, True)),
    ],
)
def test_what_has_to_be_looked_at(
    mode: PeerMode, spoken: Spoken, expected: tuple[bool, bool]
) -> None:
    assert inspected(door(mode, spoken), SecretSource.AGENT) == expected
