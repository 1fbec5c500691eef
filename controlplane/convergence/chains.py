"""The filter chains of an inbound port: by what it accepts and what is spoken there (Istio's).

A chain that needs an identity is left out where there is none; what then remains of a port that
accepts mutual TLS only is a chain that swallows everything, so that no other chain takes it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from translators.builtin import BLACK_HOLE
from translators.model import (
    ChainMatch,
    DownstreamTls,
    FilterChain,
    HttpConnection,
    MatchKind,
    PeerMode,
    SecretRef,
    SecretSource,
    StringMatch,
    TcpForward,
)
from translators.names import IDENTITY, TRUST, spiffe_prefix

TLS: Final = "tls"
RAW: Final = "raw_buffer"
_PLAIN_HTTP: Final = ("http/1.1", "h2c")
_MESH_HTTP: Final = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
_MESH_TCP: Final = ("istio-peer-exchange", "istio")
_MESH: Final = ("istio", "istio-peer-exchange", *_MESH_HTTP)
_HTTP_ALPN: Final = ("h2", "http/1.1")
_TCP_ALPN: Final = ("istio-peer-exchange", *_HTTP_ALPN)
_CIPHERS: Final = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)


class Spoken(Enum):
    """What a port's connections carry. ANY: what the inspectors find."""

    HTTP = "http"
    TCP = "tcp"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Option:
    """One chain. `secured`: TLS ends here, with the identities of the mesh."""

    transport: str
    protocols: tuple[str, ...]
    http: bool
    secured: bool = False


_RAW_HTTP: Final = Option(RAW, (), True)
_RAW_TCP: Final = Option(RAW, (), False)
_FOUND_HTTP: Final = Option(RAW, _PLAIN_HTTP, True)
_THROUGH: Final = Option(TLS, (), False)
_MUTUAL_HTTP: Final = Option(TLS, _MESH_HTTP, True, True)

TABLE: Final = {
    (PeerMode.STRICT, Spoken.HTTP): (Option(TLS, (), True, True),),
    (PeerMode.STRICT, Spoken.TCP): (Option(TLS, (), False, True),),
    (PeerMode.STRICT, Spoken.ANY): (_MUTUAL_HTTP, Option(TLS, (), False, True)),
    (PeerMode.PERMISSIVE, Spoken.HTTP): (Option(TLS, _MESH, True, True), _RAW_HTTP),
    (PeerMode.PERMISSIVE, Spoken.TCP): (Option(TLS, _MESH, False, True), _THROUGH, _RAW_TCP),
    (PeerMode.PERMISSIVE, Spoken.ANY): (
        _MUTUAL_HTTP,
        _FOUND_HTTP,
        Option(TLS, _MESH_TCP, False, True),
        _RAW_TCP,
        _THROUGH,
    ),
    (PeerMode.DISABLE, Spoken.HTTP): (_RAW_HTTP,),
    (PeerMode.DISABLE, Spoken.TCP): (_RAW_TCP,),
    (PeerMode.DISABLE, Spoken.ANY): (_FOUND_HTTP, _RAW_TCP),
}


def options(mode: PeerMode, spoken: Spoken, secrets: SecretSource) -> tuple[Option, ...]:
    """The chains of a port, where identities come from `secrets`. Without any, a port that would
    accept both accepts plaintext, and one that is STRICT accepts nothing."""
    if secrets is SecretSource.NONE and mode is PeerMode.PERMISSIVE:
        mode = PeerMode.DISABLE
    found = TABLE[mode, spoken]
    if secrets is SecretSource.NONE:
        return tuple(option for option in found if not option.secured)
    return found


@dataclass(frozen=True, slots=True)
class Door:
    """Where connections come in: its port if that tells it from others, and what is behind it.

    `handler` makes what a chain does, for HTTP or for bytes; `name` names it likewise.
    """

    mode: PeerMode
    spoken: Spoken
    port: int | None
    name: Callable[[bool], str]
    handler: Callable[[bool], HttpConnection | TcpForward]


def inspected(door: Door, secrets: SecretSource) -> tuple[bool, bool]:
    """Whether the door's chains are told apart by TLS, and by HTTP in plaintext."""
    found = options(door.mode, door.spoken, secrets)
    return (
        any(option.transport == TLS for option in found),
        any(option.protocols == _PLAIN_HTTP for option in found),
    )


def chains(
    door: Door,
    secrets: SecretSource,
    trust_domains: Sequence[str],
    lifetime_ms: int | None = None,
) -> Iterator[FilterChain]:
    """`lifetime_ms`: how long HTTP connections last whose callers have shown a certificate."""
    found = options(door.mode, door.spoken, secrets)
    for option in found:
        yield FilterChain(
            door.name(option.http),
            door.handler(option.http),
            ChainMatch(
                destination_port=door.port,
                transport_protocol=option.transport,
                application_protocols=option.protocols,
            ),
            tls=replace(_server(option.http, secrets, trust_domains), lifetime_ms=lifetime_ms)
            if option.secured
            else None,
        )
    if not found:
        yield FilterChain(
            door.name(False),
            TcpForward(((BLACK_HOLE.name, 0),), f"{BLACK_HOLE.name};"),
            ChainMatch(destination_port=door.port),
        )


def _server(http: bool, secrets: SecretSource, trust_domains: Sequence[str]) -> DownstreamTls:
    """Mutual TLS with the identities of the mesh: callers are of one of `trust_domains`."""
    return DownstreamTls(
        certificates=(SecretRef(IDENTITY, secrets),),
        alpn=_HTTP_ALPN if http else _TCP_ALPN,
        trust=SecretRef(TRUST, secrets),
        require=True,
        sans=tuple(StringMatch(MatchKind.PREFIX, spiffe_prefix(d)) for d in trust_domains),
        minimum="TLSv1_2",
        maximum="TLSv1_3",
        ciphers=_CIPHERS,
    )
