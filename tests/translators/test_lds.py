"""Listeners against recorded ones, and what they refer to."""

from dataclasses import replace

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener as WireListener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501
    HttpConnectionManager,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

from tests.translators.decoder import Listener as Decoded
from tests.translators.decoder import decode
from tests.translators.listeners import LISTENERS, inbound_http, tcp
from tests.translators.recordings import assert_same, recorded
from translators import lds
from translators.model import (
    Direction,
    DownstreamTls,
    FilterChain,
    HttpConnection,
    Inspector,
    Listener,
    RouteTable,
    SecretRef,
    SecretSource,
    TcpForward,
)


@pytest.mark.parametrize("key", LISTENERS)
def test_recorded(key: str) -> None:
    packed = lds.translate(LISTENERS[key])
    assert_same(packed.value, recorded("listeners", key, WireListener))


@pytest.mark.parametrize("listener", LISTENERS.values(), ids=list(LISTENERS))
def test_another_decoder_reads_it(listener: Listener) -> None:
    packed = lds.translate(listener)
    decoded = decode(Decoded, packed.value)
    assert decoded.name == packed.name == listener.name
    assert len(decoded.filter_chains) == len(listener.chains)
    assert packed.unit is listener


def test_references_of_http_and_tcp() -> None:
    packed = lds.translate(LISTENERS["pa-namespace-disable/w-v1/0.0.0.0_80"])
    assert packed.tables == {"80"}
    assert packed.clusters == {"PassthroughCluster"}
    assert packed.addresses == {"0.0.0.0:80"}


def test_references_of_inline_routes_and_weights() -> None:
    packed = lds.translate(LISTENERS["pa-namespace-disable/w-v1/virtualInbound"])
    assert packed.tables == frozenset()
    assert packed.clusters == {
        "BlackHoleCluster",
        "InboundPassthroughCluster",
        "inbound|8080||",
        "inbound|9000||",
        "inbound|9100||",
    }
    weighted = lds.translate(LISTENERS["tcp-weights/teller/10.96.43.1_7000"])
    assert len(weighted.clusters) == 3


def test_ipv6_addresses_are_in_brackets() -> None:
    listener = Listener("l", "::1", 80, Direction.OUTBOUND, (tcp("a"),))
    assert lds.translate(listener).addresses == {"[::1]:80"}


def test_tcp_timeouts() -> None:
    forward = TcpForward((("a", 0),), "a", idle_timeout_ms=90_500, max_connection_duration_ms=1000)
    listener = Listener("l", "127.0.0.1", 80, Direction.OUTBOUND, (FilterChain("c", forward),))
    wire = WireListener.FromString(lds.translate(listener).value)
    proxy = TcpProxy.FromString(wire.filter_chains[0].filters[0].typed_config.value)
    assert proxy.cluster == "a"
    assert proxy.idle_timeout.ToMilliseconds() == 90_500
    assert proxy.max_downstream_connection_duration.ToMilliseconds() == 1000


def test_inspectors_stay_in_the_order_given() -> None:
    listener = Listener(
        "l",
        "127.0.0.1",
        80,
        Direction.INBOUND,
        (tcp("a"),),
        inspectors=tuple(Inspector),
        uninspected=((Inspector.TLS, (80,)),),
    )
    wire = WireListener.FromString(lds.translate(listener).value)
    assert [item.name.rpartition(".")[2] for item in wire.listener_filters] == [
        "original_dst",
        "tls_inspector",
        "http_inspector",
    ]
    skipped = wire.listener_filters[1].filter_disabled.destination_port_range
    assert (skipped.start, skipped.end) == (80, 81)
    assert not wire.listener_filters[2].HasField("filter_disabled")


def test_names_of_chains_and_inline_tables_do_not_mix() -> None:
    one, other = inbound_http(8080, 80), inbound_http(8081, 80)
    listener = Listener(
        "l", "127.0.0.1", 80, Direction.INBOUND, (one, replace(other, name="other"))
    )
    decoded = decode(Decoded, lds.translate(listener).value)
    assert [chain.name for chain in decoded.filter_chains] == ["0.0.0.0_8080", "other"]


def test_a_chain_with_tls_has_a_transport_socket() -> None:
    tls = DownstreamTls(certificates=(SecretRef("default", SecretSource.ADS),), alpn=("h2",))
    chain = replace(tcp("a"), tls=tls)
    listener = Listener("l", "127.0.0.1", 80, Direction.INBOUND, (chain, tcp("b")))
    first, second = WireListener.FromString(lds.translate(listener).value).filter_chains
    assert first.transport_socket.name == "envoy.transport_sockets.tls"
    assert not second.HasField("transport_socket")


def test_a_grpc_server_answers_itself() -> None:
    connection = HttpConnection(RouteTable("inbound", {}), Direction.INBOUND, "")
    listener = Listener(
        "xds.istio.io/grpc/lds/inbound/[::]:80",
        "::",
        80,
        Direction.INBOUND,
        (FilterChain("inbound-plaintext", connection),),
        served=True,
    )
    packed = lds.translate(listener)
    (chain,) = WireListener.FromString(packed.value).filter_chains
    (found,) = chain.filters
    assert found.name == "inbound-hcmplaintext"
    manager = HttpConnectionManager()
    assert found.typed_config.Unpack(manager)
    (host,) = manager.route_config.virtual_hosts
    assert list(host.domains) == ["*"]
    assert host.routes[0].HasField("non_forwarding_action")
    assert packed.clusters == packed.tables == frozenset()
