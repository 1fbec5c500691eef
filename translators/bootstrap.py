"""What an Envoy bootstrap says: who the proxy is, and where it gets everything else from.

The node id and metadata are Istio's, so any control plane of that kind knows the proxy. The result
is JSON; nothing is written here.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from translators.document import Json
from translators.model import Locality, Proxy, ProxyType
from translators.statistics import stats_config

DISCOVERY_CLUSTER: Final = "xds-grpc"
VERSION: Final = "1.31.0"  # of Istio, whose metadata this is
MESH_ID: Final = "cluster.local"
CLUSTER_ID: Final = "Kubernetes"

_HTTP2: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_MANY: Final = 100_000
# of Istio: patterns as long as the validation of routes lets through
_RUNTIME: Final[Json] = {
    "re2.max_program_size.error_level": "32768",
    "overload.global_downstream_max_connections": "2147483647",
    "envoy.reloadable_features.http_reject_path_with_fragment": False,
    "envoy.deprecated_features:envoy.config.listener.v3.Listener"
    ".hidden_envoy_deprecated_use_original_dst": True,
}


class Protocol(StrEnum):
    """How the proxy asks: for changes, or for the state of the world."""

    DELTA = "delta"
    SOTW = "sotw"


@dataclass(frozen=True, slots=True)
class Places:
    """`discovery` is (host, port) of the control plane; `admin` is that of the proxy itself."""

    discovery: tuple[str, int]
    admin: tuple[str, int] = ("127.0.0.1", 15000)
    protocol: Protocol = Protocol.DELTA


def node_id(kind: ProxyType, *, ip: str, name: str, namespace: str) -> str:
    return f"{kind}~{ip}~{name}.{namespace}~{namespace}.svc.cluster.local"


def bootstrap(proxy: Proxy, places: Places, *, workload: str = "") -> dict[str, Json]:
    """The bootstrap of `proxy`; `workload` is the name of what its Pod belongs to."""
    workload = workload or proxy.name
    return {
        "node": _node(proxy, places, workload),
        "layered_runtime": {
            "layers": [
                {"name": "global config", "static_layer": _RUNTIME},
                {"name": "admin", "admin_layer": {}},
            ]
        },
        "stats_config": stats_config(),
        "admin": {"address": _socket(places.admin)},
        "dynamic_resources": {
            "lds_config": _ADS,
            "cds_config": _ADS,
            "ads_config": {
                "api_type": "GRPC" if places.protocol is Protocol.SOTW else "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [
                    {
                        "envoy_grpc": {
                            "cluster_name": DISCOVERY_CLUSTER,
                            "retry_policy": {"retry_back_off": _RECONNECT},
                        }
                    }
                ],
            },
        },
        "static_resources": {"clusters": [_discovery_cluster(places.discovery)]},
    }


# Envoy's own is 0.5 s to 30 s: too long for a control plane that is back after a second
_RECONNECT: Final[Json] = {"base_interval": "0.1s", "max_interval": "3s"}

# no limit to the wait for the first answer: without listeners there is nothing to serve
_ADS: Final[Json] = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}


def _node(proxy: Proxy, places: Places, workload: str) -> Json:
    node: dict[str, Json] = {
        "id": proxy.id,
        "cluster": _service_cluster(proxy, workload),
        "metadata": _metadata(proxy, places, workload),
    }
    if locality := _locality(proxy.locality):
        node["locality"] = locality
    return node


def _service_cluster(proxy: Proxy, workload: str) -> str:
    """`app.namespace`, as Istio names a proxy's own cluster."""
    return f"{proxy.labels.get('app', workload)}.{proxy.namespace}"


def _metadata(proxy: Proxy, places: Places, workload: str) -> Json:
    metadata: dict[str, Json] = {
        "NAME": proxy.name,
        "NAMESPACE": proxy.namespace,
        "WORKLOAD_NAME": workload,
        "SERVICE_ACCOUNT": proxy.service_account,
        "CLUSTER_ID": proxy.cluster_id or CLUSTER_ID,
        "MESH_ID": MESH_ID,
        "ISTIO_VERSION": proxy.version or VERSION,
        "INSTANCE_IPS": ",".join(proxy.ips or (proxy.ip,)),
        "INTERCEPTION_MODE": str(proxy.interception),
        "LABELS": dict(proxy.labels),
        "PROXY_CONFIG": {
            "discoveryAddress": _text(places.discovery),
            "proxyAdminPort": places.admin[1],
            "serviceCluster": _service_cluster(proxy, workload),
        },
    }
    if proxy.generator:
        metadata["GENERATOR"] = proxy.generator
    return metadata


def _locality(locality: Locality) -> dict[str, Json]:
    parts = {"region": locality.region, "zone": locality.zone, "sub_zone": locality.subzone}
    return {name: value for name, value in parts.items() if value}


def _discovery_cluster(address: tuple[str, int]) -> Json:
    limits = {
        "max_connections": _MANY,
        "max_pending_requests": _MANY,
        "max_requests": _MANY,
    }
    return {
        "name": DISCOVERY_CLUSTER,
        "type": "STATIC" if _is_ip(address[0]) else "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": DISCOVERY_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _socket(address)}}]}],
        },
        "circuit_breakers": {
            "thresholds": [
                {"priority": "DEFAULT", **limits},
                {"priority": "HIGH", **limits},
            ]
        },
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 300}},
        "typed_extension_protocol_options": {
            _HTTP2: {
                "@type": f"type.googleapis.com/{_HTTP2}",
                "explicit_http_config": {
                    "http2_protocol_options": {
                        "connection_keepalive": {"interval": "30s", "timeout": "10s"}
                    }
                },
            }
        },
    }


def _socket(address: tuple[str, int]) -> Json:
    return {"socket_address": {"address": address[0], "port_value": address[1]}}


def _text(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
