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

SERVED_LISTENER: Final = "xds.istio.io/grpc/lds/inbound/"

# secrets, by their SDS names
IDENTITY: Final = "default"  # the proxy's own certificate and key
TRUST: Final = "ROOTCA"  # what it verifies peers of the mesh with
FILE_CERT: Final = "file-cert:"
FILE_ROOT: Final = "file-root:"
SYSTEM_ROOTS: Final = "file-root:system"
SDS_CLUSTER: Final = "sds-grpc"  # the SDS server beside the proxy

_KUBERNETES: Final = "kubernetes://"
_KUBERNETES_GATEWAY: Final = "kubernetes-gateway://"
_ROOTS: Final = "-cacert"

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


@dataclass(frozen=True, slots=True)
class SecureTable:
    """A router's table of one server that speaks TLS: `https.443.<port name>.<gateway>.<its
    namespace>`, with a bind address as above. `port` is the Gateway's, also behind a Service."""

    port: int
    port_name: str
    gateway: str
    namespace: str
    bind: str = ""


TableName = PortTable | HostTable | GatewayTable | SecureTable


def table(name: TableName) -> str:
    """The name of a route table, as listeners ask for it over RDS."""
    match name:
        case PortTable(port):
            return str(port)
        case HostTable(host, port):
            return f"{host}:{port}"
        case GatewayTable(port, bind):
            return f"http.{port}.{bind}" if bind else f"http.{port}"
        case SecureTable(port, port_name, gateway, namespace, bind):
            whole = f"https.{port}.{port_name}.{gateway}.{namespace}"
            return f"{whole}.{bind}" if bind else whole


def parse_table(name: str) -> TableName | None:
    if (port := _port(name)) is not None:
        return PortTable(port)
    match name.split(".", 2):
        case ["http", text] if (port := _port(text)) is not None:
            return GatewayTable(port)
        case ["http", text, bind] if bind and (port := _port(text)) is not None:
            return GatewayTable(port, bind)
        case ["https", text, rest] if (port := _port(text)) is not None:
            return _secure_table(port, rest)
    host, separator, text = name.rpartition(":")
    if separator and host and (port := _port(text)) is not None:
        return HostTable(host, port)
    return None


def _secure_table(port: int, rest: str) -> SecureTable | None:
    """Names of Gateways may have dots; names of ports and namespaces do not."""
    parts, bind = rest.split("."), ""
    for size in (1, 4):  # IPv6, IPv4
        tail = ".".join(parts[-size:])
        if len(parts) >= size + 3 and _is_address(tail):
            parts, bind = parts[:-size], tail
            break
    if len(parts) < 3 or not all(parts):
        return None
    return SecureTable(port, parts[0], ".".join(parts[1:-1]), parts[-1], bind)


def virtual_host(host: str, port: int) -> str:
    return f"{host}:{port}"


def parse_virtual_host(name: str) -> tuple[str, int] | None:
    """Host and port; None for catch-alls."""
    host, separator, text = name.rpartition(":")
    port = _port(text)
    return (host, port) if separator and host and port is not None else None


def file_certificate(certificate: str, key: str) -> str:
    """The SDS name of a certificate and its key in files of the proxy."""
    return f"{FILE_CERT}{certificate}~{key}"


def file_root(path: str) -> str:
    """The SDS name of trusted roots in a file of the proxy; without one, what its system trusts."""
    return f"{FILE_ROOT}{path}" if path else SYSTEM_ROOTS


def spiffe_id(trust_domain: str, namespace: str, service_account: str) -> str:
    """A workload's identity. `@` cannot stand in a trust domain of a URI (Istio's rule)."""
    return f"{spiffe_prefix(trust_domain)}ns/{namespace}/sa/{service_account}"


def parse_spiffe_id(text: str) -> tuple[str, str, str] | None:
    """Trust domain, namespace and service account."""
    match text.split("/"):
        case ["spiffe:", "", domain, "ns", namespace, "sa", account] if (
            domain and namespace and account
        ):
            return domain, namespace, account
    return None


@dataclass(frozen=True, slots=True)
class CredentialName:
    """A Secret by its SDS name: `kubernetes://name` in the namespace of the proxy that asks,
    `kubernetes-gateway://namespace/name` in that one. `roots`: the CA certificates of it
    (`…-cacert`), not the certificate."""

    name: str
    namespace: str = ""
    roots: bool = False


def credential(written: str, *, roots: bool = False) -> str:
    """The SDS name of what a Gateway or DestinationRule calls `written`."""
    name = written if "://" in written else f"{_KUBERNETES}{written}"
    return f"{name}{_ROOTS}" if roots and not name.endswith(_ROOTS) else name


def parse_credential(name: str) -> CredentialName | None:
    for scheme in (_KUBERNETES, _KUBERNETES_GATEWAY):
        if name.startswith(scheme):
            namespace, slash, rest = name.removeprefix(scheme).rpartition("/")
            if not rest or (slash and not namespace) or (scheme != _KUBERNETES and not slash):
                return None
            own = rest.removesuffix(_ROOTS)
            return CredentialName(own or rest, namespace, roots=bool(own) and own != rest)
    return None


def spiffe_prefix(trust_domain: str) -> str:
    """What all identities of a trust domain begin with."""
    return f"spiffe://{trust_domain.replace('@', '.')}/"


def served_listener(address: str, port: int) -> str:
    """The name under which a gRPC server without a proxy asks for what it listens on."""
    return f"{SERVED_LISTENER}{socket(address, port)}"


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


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_ipv6(address: str) -> bool:
    try:
        return ip_address(address).version == 6
    except ValueError:
        return False


def socket(address: str, port: int) -> str:
    """`address:port`, IPv6 in brackets."""
    return f"{_bracketed(address)}:{port}"
