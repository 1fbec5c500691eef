"""Gateways that speak TLS, what is routed behind them, and the router that runs them."""

from dataclasses import replace
from typing import Any

from tests.fakes import shop
from tests.fakes.pipeline import proxy
from translators.model import Proxy, ProxyType, SecretSource

IDENTITY = f"spiffe://cluster.local/ns/{shop.NAMESPACE}/sa/edge"
STRANGER = proxy("edge", kind=ProxyType.ROUTER, ip=shop.ROUTER, labels={"app": "edge"})
EDGE: Proxy = replace(STRANGER, identity=IDENTITY, secrets=SecretSource.ADS)
HOST = "a.example.com"


def server(name: str, *hosts: str, port: int = 443, **tls: Any) -> dict[str, Any]:
    """A server of protocol HTTPS; SIMPLE with the Secret `cert` unless `tls` says otherwise."""
    return {
        "port": {"number": port, "name": name, "protocol": "HTTPS"},
        "hosts": list(hosts or (HOST,)),
        "tls": tls or {"mode": "SIMPLE", "credentialName": "cert"},
    }


def plain(name: str, *hosts: str, port: int = 80, **tls: Any) -> dict[str, Any]:
    return {
        "port": {"number": port, "name": name, "protocol": "HTTP"},
        "hosts": list(hosts or (HOST,)),
        **({"tls": tls} if tls else {}),
    }


def gateway(*servers: dict[str, Any], name: str = "edge") -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": shop.meta(name),
        "spec": {"selector": {"app": "edge"}, "servers": list(servers)},
    }


def bound(*hosts: str, name: str = "web", gateway: str = "edge") -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": shop.meta(name),
        "spec": {
            "hosts": list(hosts or (HOST,)),
            "gateways": [gateway],
            "http": [{"route": [{"destination": {"host": "web"}}]}],
        },
    }
