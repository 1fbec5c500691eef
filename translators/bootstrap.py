"""What an Envoy bootstrap says: who the proxy is, and where it gets everything else from.

The node id and metadata are Istio's, so any control plane of that kind knows the proxy. The result
is JSON; nothing is written here.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from translators.document import Json
from translators.model import Locality, Proxy, ProxyType, SecretSource
from translators.statistics import stats_config

DISCOVERY_CLUSTER: Final = "xds-grpc"
VERSION: Final = "1.31.0"  # of Istio, whose metadata this is
MESH_ID: Final = "cluster.local"
CLUSTER_ID: Final = "Kubernetes"
# in a node's metadata: where the proxy gets secrets from, if not from an agent beside it
SECRETS_KEY: Final = "MESHPILOT_SECRETS"

_HTTP2: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS: Final = "envoy.extensions.transport_sockets.tls.v3"
_SECRET: Final = f"{_TLS}.Secret"
_INJECTOR: Final = "envoy.extensions.filters.http.credential_injector.v3"
_GENERIC: Final = "envoy.extensions.http.injected_credentials.generic.v3"
_CODEC: Final[Json] = {
    "name": "envoy.filters.http.upstream_codec",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"
    },
}
_TOKEN: Final = "token"
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
class Proof:
    """How proxy and control plane prove to each other who they are; paths of files.

    roots         PEM with the roots of the control plane's certificate; "" without TLS
    server_name   the name that certificate has to have
    token         the proxy's token
    token_secret  a file as token_secret() has it: with it, a token that is replaced is read again
    """

    roots: str = ""
    server_name: str = ""
    token: str = ""
    token_secret: str = ""


NO_PROOF: Final = Proof()


@dataclass(frozen=True, slots=True)
class Places:
    """`discovery` is (host, port) of the control plane, or the path of its Unix socket and 0;
    `admin` is that of the proxy itself."""

    discovery: tuple[str, int]
    admin: tuple[str, int] = ("127.0.0.1", 15000)
    protocol: Protocol = Protocol.DELTA
    proof: Proof = NO_PROOF


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
        "static_resources": _static(places),
    }


def token_secret(token: str) -> dict[str, Json]:
    """What stands in Proof.token_secret: SDS in a file, for the token at that path."""
    return {"resources": [{"@type": f"type.googleapis.com/{_SECRET}", **_token(token)}]}


def _token(path: str) -> dict[str, Json]:
    return {"name": _TOKEN, "generic_secret": {"secret": {"filename": path}}}


def _static(places: Places) -> Json:
    static: dict[str, Json] = {"clusters": [_discovery_cluster(places)]}
    if places.proof.token and not places.proof.token_secret:
        static["secrets"] = [_token(places.proof.token)]
    return static


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
        SECRETS_KEY: str(SecretSource.ADS),
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


def _discovery_cluster(places: Places) -> Json:
    limits = {
        "max_connections": _MANY,
        "max_pending_requests": _MANY,
        "max_requests": _MANY,
    }
    host, port = places.discovery
    local = not port
    address: Json = {"pipe": {"path": host}} if local else _socket(places.discovery)
    cluster: dict[str, Json] = {
        "name": DISCOVERY_CLUSTER,
        "type": "STATIC" if local or _is_ip(host) else "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": DISCOVERY_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {
            "thresholds": [
                {"priority": "DEFAULT", **limits},
                {"priority": "HIGH", **limits},
            ]
        },
        "typed_extension_protocol_options": {_HTTP2: _protocol(places.proof)},
    }
    if not local:
        cluster["upstream_connection_options"] = {"tcp_keepalive": {"keepalive_time": 300}}
    if places.proof.roots:
        cluster["transport_socket"] = _transport(places.proof)
    return cluster


def _protocol(proof: Proof) -> Json:
    options: dict[str, Json] = {
        "@type": f"type.googleapis.com/{_HTTP2}",
        "explicit_http_config": {
            "http2_protocol_options": {
                "connection_keepalive": {"interval": "30s", "timeout": "10s"}
            }
        },
    }
    if proof.token:
        options["http_filters"] = [_credentials(proof), _CODEC]
    return options


def _credentials(proof: Proof) -> Json:
    """Each call carries the token; a header in the bootstrap itself could not be renewed."""
    named: dict[str, Json] = {"name": _TOKEN}
    if proof.token_secret:
        named["sds_config"] = {
            "path_config_source": {
                "path": proof.token_secret,
                "watched_directory": {"path": proof.token.rpartition("/")[0] or "."},
            }
        }
    return {
        "name": "envoy.filters.http.credential_injector",
        "typed_config": {
            "@type": f"type.googleapis.com/{_INJECTOR}.CredentialInjector",
            "overwrite": True,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {
                    "@type": f"type.googleapis.com/{_GENERIC}.Generic",
                    "credential": named,
                    "header_value_prefix": "Bearer ",
                },
            },
        },
    }


def _transport(proof: Proof) -> Json:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"type.googleapis.com/{_TLS}.UpstreamTlsContext",
            "sni": proof.server_name,
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "validation_context": {
                    "trusted_ca": {"filename": proof.roots},
                    "match_typed_subject_alt_names": [
                        {"san_type": "DNS", "matcher": {"exact": proof.server_name}}
                    ],
                },
            },
        },
    }


def _socket(address: tuple[str, int]) -> Json:
    return {"socket_address": {"address": address[0], "port_value": address[1]}}


def _text(address: tuple[str, int]) -> str:
    host, port = address
    if not port:
        return f"unix://{host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
