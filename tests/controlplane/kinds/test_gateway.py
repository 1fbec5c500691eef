"""Gateway."""

from typing import Any

import pytest

from controlplane.kinds import GatewaySpec
from tests.controlplane.kinds.samples import document, faults, remarks, spec
from translators.model import Protocol


def server(**fields: Any) -> dict[str, Any]:
    return {
        "port": {"number": 80, "name": "http", "protocol": "HTTP"},
        "hosts": ["*"],
        **fields,
    }


def gateway(*servers: dict[str, Any]) -> dict[str, Any]:
    return document("Gateway", {"selector": {"istio": "g"}, "servers": list(servers)})


def test_every_field_is_kept() -> None:
    hosts = ["*", "./a.com", "ns/*.b.com", "*/c.com", "localhost"]
    found = spec(GatewaySpec, gateway(server(hosts=hosts, bind="::1", name="n")))
    (one,) = found.servers
    assert found.selector == {"istio": "g"}
    assert (one.hosts, one.bind, one.name) == (tuple(hosts), "::1", "n")
    assert (one.port.number, one.port.name, one.port.protocol) == (80, "http", Protocol.HTTP)


@pytest.mark.parametrize("protocol", ["http", "HTTP2", "Grpc", "GRPC-WEB"])
def test_http_is_served(protocol: str) -> None:
    port = {"number": 80, "name": "p", "protocol": protocol}
    assert spec(GatewaySpec, gateway(server(port=port))).servers[0].bind == ""


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"hosts": []}, "hosts", "Empty"),
        ({"hosts": ["shop"]}, "hosts[0]", "Host"),
        ({"hosts": ["*foo.com"]}, "hosts[0]", "Host"),
        ({"hosts": ["~/a.com"]}, "hosts[0]", "Host"),
        ({"hosts": ["a/b/c.com"]}, "hosts[0]", "Host"),
        ({"bind": "here"}, "bind", "Address"),
        ({"tls": {"mode": "SIMPLE", "credentialName": "c"}}, "tls", "NotAllowed"),
        ({"defaultEndpoint": "x"}, "defaultEndpoint", "NotSupported"),
        ({"port": {"number": 0, "name": "p", "protocol": "HTTP"}}, "port.number", "OutOfRange"),
        ({"port": {"number": 1, "name": "", "protocol": "HTTP"}}, "port.name", "Empty"),
        ({"port": {"number": 1, "name": "p", "protocol": "TCP"}}, "port.protocol", "NotSupported"),
        ({"port": {"number": 1, "name": "p", "protocol": "HTTPS"}}, "tls", "Required"),
        (
            {"port": {"number": 1, "name": "p", "protocol": "HBONE"}},
            "port.protocol",
            "NotSupported",
        ),
        ({"port": {"number": 1, "name": "p", "protocol": "UDP"}}, "port.protocol", "Protocol"),
        ({"port": {"number": 1, "name": "p", "protocol": 7}}, "port.protocol", "WrongType"),
        ({"port": {"number": 1, "name": "p"}}, "port.protocol", "Required"),
    ],
)
def test_a_server_is_refused_where_it_is_wrong(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    assert faults(gateway(server(**fields))) == [(f"spec.servers[0].{field}", reason)]


def test_port_names_are_unique_and_there_is_a_server() -> None:
    assert faults(gateway(server(), server())) == [("spec.servers[1].port.name", "DuplicatePort")]
    assert faults(gateway()) == [("spec.servers", "Required")]


def secure(protocol: str = "HTTPS", **tls: Any) -> dict[str, Any]:
    return gateway(server(port={"number": 443, "name": "p", "protocol": protocol}, tls=tls))


def test_a_redirect_may_stand_on_a_plaintext_port() -> None:
    (one,) = spec(GatewaySpec, gateway(server(tls={"httpsRedirect": True}))).servers
    assert one.tls is not None
    assert one.tls.value().redirect
    assert one.served


def test_a_server_that_passes_bytes_on_is_decoded_and_left_out() -> None:
    for raw in (
        secure("TLS", mode="AUTO_PASSTHROUGH"),
        secure("HTTPS"),
        secure("TLS", mode="SIMPLE", credentialName="c"),
    ):
        assert not spec(GatewaySpec, raw).servers[0].served
        assert remarks(raw) == [("spec.servers[0].tls.mode", "NotSupported")]
