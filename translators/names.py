"""Istio's names, written and read: clusters, SNI, listeners, route tables, virtual hosts, domains.

Every format has its reader beside it. A name that is not of the format reads as None.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from translators.model import Direction

PASSTHROUGH_CLUSTER: Final = "PassthroughCluster"
INBOUND_PASSTHROUGH_CLUSTER: Final = "InboundPassthroughCluster"
BLACK_HOLE_CLUSTER: Final = "BlackHoleCluster"

VIRTUAL_OUTBOUND: Final = "virtualOutbound"
VIRTUAL_INBOUND: Final = "virtualInbound"
OUTBOUND_BLACK_HOLE_CHAIN: Final = "virtualOutbound-blackhole"
OUTBOUND_CATCH_ALL_CHAIN: Final = "virtualOutbound-catchall-tcp"
INBOUND_BLACK_HOLE_CHAIN: Final = "virtualInbound-blackhole"
INBOUND_CATCH_ALL_HTTP_CHAIN: Final = "virtualInbound-catchall-http"
INBOUND_CATCH_ALL_TCP_CHAIN: Final = "virtualInbound"
PASSTHROUGH_CHAIN: Final = "PassthroughFilterChain"

ALLOW_ANY: Final = "allow_any"
BLOCK_ALL: Final = "block_all"

_CLUSTER: Final = "|"
_SNI: Final = "_."


@dataclass(frozen=True, slots=True)
class ClusterName:
    """`outbound|port|subset|host` or `inbound|port||`."""

    direction: Direction
    port: int
    subset: str = ""
    host: str = ""


def outbound_cluster(host: str, port: int, subset: str = "") -> str:
    return f"outbound|{port}|{subset}|{host}"


def inbound_cluster(port: int) -> str:
    return f"inbound|{port}||"


def parse_cluster(name: str) -> ClusterName | None:
    """The parts of a cluster name; None for built-in clusters and names of others."""
    return _parts(name, _CLUSTER)


def sni(host: str, port: int, subset: str = "") -> str:
    """The server name of a cluster in mutual TLS (Istio's BuildDNSSrvSubsetKey)."""
    return f"outbound_.{port}_.{subset}_.{host}"


def parse_sni(name: str) -> ClusterName | None:
    return _parts(name, _SNI)


def _parts(name: str, separator: str) -> ClusterName | None:
    match name.split(separator, 3):
        case ["outbound", port, subset, host] if host and (number := _port(port)) is not None:
            return ClusterName(Direction.OUTBOUND, number, subset, host)
        case ["inbound", port, "", ""] if (number := _port(port)) is not None:
            return ClusterName(Direction.INBOUND, number)
    return None


def _port(text: str) -> int | None:
    # "080" would be written back as "80": not a name of ours
    if text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0"):
        return int(text)
    return None


def listener(address: str, port: int) -> str:
    """`0.0.0.0_80`; also the name of an inbound filter chain."""
    return f"{address}_{port}"


def parse_listener(name: str) -> tuple[str, int] | None:
    """Address and port; None for the virtual listeners."""
    address, separator, port = name.rpartition("_")
    number = _port(port)
    return (address, number) if separator and address and number is not None else None


@dataclass(frozen=True, slots=True)
class PortTable:
    """A sidecar's table of all hosts of a port: `80`."""

    port: int


@dataclass(frozen=True, slots=True)
class HostTable:
    """A sidecar's table of one service on a port whose protocol is detected: `host:port`."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class GatewayTable:
    """A router's table of a plain HTTP port: `http.80`, with a bind address `http.80.127.0.0.1`."""

    port: int
    bind: str = ""


TableName = PortTable | HostTable | GatewayTable


def table(name: TableName) -> str:
    """The name of a route table, as listeners ask for it over RDS."""
    match name:
        case PortTable(port):
            return str(port)
        case HostTable(host, port):
            return f"{host}:{port}"
        case GatewayTable(port, bind):
            return f"http.{port}.{bind}" if bind else f"http.{port}"


def parse_table(name: str) -> TableName | None:
    if (port := _port(name)) is not None:
        return PortTable(port)
    match name.split(".", 2):
        case ["http", text] if (port := _port(text)) is not None:
            return GatewayTable(port)
        case ["http", text, bind] if bind and (port := _port(text)) is not None:
            return GatewayTable(port, bind)
    host, separator, text = name.rpartition(":")
    if separator and host and (port := _port(text)) is not None:
        return HostTable(host, port)
    return None


def virtual_host(host: str, port: int) -> str:
    return f"{host}:{port}"


def parse_virtual_host(name: str) -> tuple[str, int] | None:
    """Host and port; None for catch-alls."""
    host, separator, text = name.rpartition(":")
    port = _port(text)
    return (host, port) if separator and host and port is not None else None


def inbound_virtual_host(port: int) -> str:
    """The one virtual host of an inbound port; `port` is the service's."""
    return f"inbound|http|{port}"


def empty_gateway_host(port: int) -> str:
    """The virtual host of a gateway port that no route is bound to."""
    return f"blackhole:{port}"


def http_stat_prefix(direction: Direction, address: str, port: int) -> str:
    """Routers count as outbound."""
    side = "inbound" if direction is Direction.INBOUND else "outbound"
    return f"{side}_{address}_{port};"


def domains(
    host: str, *, dns_domain: str, addresses: Iterable[str] = (), headless: bool = False
) -> tuple[str, ...]:
    """The domains of a service's virtual host in a sidecar, in the order that Istio sends.

    `dns_domain` is the proxy's, `<namespace>.svc.cluster.local`: names are short for those who
    share it, and only where it has `.svc.` in it. A headless service has `*.` forms for its pods.
    """
    names = [host, f"{host}.", *_short_names(host, dns_domain)]
    if headless:
        names += [f"*.{name}" for name in names]
    names += map(_bracketed, addresses)
    return tuple(dict.fromkeys(names))


def _short_names(host: str, dns_domain: str) -> tuple[str, ...]:
    viewer, separator, cluster_domain = dns_domain.partition(".svc.")
    if not separator or not host.endswith(f".svc.{cluster_domain}"):
        return ()
    name, dot, namespace = host[: -len(f".svc.{cluster_domain}")].partition(".")
    if not dot or not name or "." in namespace:
        return ()
    if namespace == viewer:
        return (name, f"{name}.{namespace}.svc", f"{name}.{namespace}")
    return (f"{name}.{namespace}", f"{name}.{namespace}.svc")


def _bracketed(address: str) -> str:
    return f"[{address}]" if is_ipv6(address) else address


def is_ipv6(address: str) -> bool:
    try:
        return ip_address(address).version == 6
    except ValueError:
        return False


def socket(address: str, port: int) -> str:
    """`address:port`, IPv6 in brackets."""
    return f"{_bracketed(address)}:{port}"
