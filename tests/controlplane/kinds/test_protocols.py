"""Istio's rules for the protocol of a port."""

import pytest

from controlplane.kinds import parse_protocol, protocol_of
from translators.model import Protocol


@pytest.mark.parametrize(
    ("name", "app", "number", "expected"),
    [
        ("http", "", 80, Protocol.HTTP),
        ("HTTP-web", "", 80, Protocol.HTTP),
        ("http2-x", "", 80, Protocol.HTTP2),
        ("grpc-api", "", 80, Protocol.GRPC),
        ("grpc-web", "", 80, Protocol.GRPC_WEB),
        ("GRPC-Web-x", "", 80, Protocol.GRPC_WEB),
        ("tcp-db", "", 80, Protocol.TCP),
        ("https", "", 443, Protocol.HTTPS),
        ("tls-x", "", 443, Protocol.TLS),
        ("mongo", "", 1, Protocol.MONGO),
        ("redis-a", "", 1, Protocol.REDIS),
        ("mysql", "", 3306, Protocol.MYSQL),
        ("httpx", "", 80, None),
        ("web", "", 80, None),
        ("", "", 80, None),
        ("", "", 3306, Protocol.TCP),
        ("smtp", "", 25, Protocol.TCP),
        ("http", "kubernetes.io/h2c", 80, Protocol.HTTP2),
        ("tcp", "kubernetes.io/ws", 80, Protocol.HTTP),
        ("tcp", "Kubernetes.io/WSS", 80, Protocol.HTTPS),
        ("tcp", "grpc", 80, Protocol.GRPC),
        ("http", "example.com/odd", 80, None),
    ],
)
def test_protocol_of(name: str, app: str, number: int, expected: Protocol | None) -> None:
    assert protocol_of(name, app, number) is expected


def test_parse_protocol() -> None:
    assert parse_protocol("grpc-web") is Protocol.GRPC_WEB
    assert parse_protocol("http-x") is None
