"""Which statistics an Envoy keeps, and how their names are read: Istio's lists, and a few more.

Without a list every cluster has hundreds of series.
"""

from typing import Final

from translators.document import Json

_PREFIXES: Final = (
    "reporter=",
    "cluster_manager",
    "listener_manager",
    "http_mixer_filter",
    "tcp_mixer_filter",
    "server",
    "cluster.xds-grpc",
    "wasm",
    "component",
    "istio",
)
_SUFFIXES: Final = (
    "rbac.allowed",
    "rbac.denied",
    "shadow_allowed",
    "shadow_denied",
    "downstream_cx_active",
    # what tells whether a change of configuration lost anything
    "no_cluster",
    "no_route",
    "upstream_cx_none_healthy",
    "update_rejected",
    "update_success",
)
_PARTS: Final = ("upstream_rq_retry",)
_PATTERNS: Final = (r"vhost\..*\.route\..*",)

# A name of ours ends in ";", because it has dots in it; others end at the first dot.
_NAME: Final = r"(([^;]+?)(?:;\.|\.(?=[^;]*$)))"
_TAGS: Final = {
    "cluster_name": rf"^cluster\.{_NAME}",
    "http_conn_manager_prefix": rf"^http\.{_NAME}",
    "tcp_prefix": r"^tcp\.((.*?)\.)\w+?$",
    "listener_address": r"^listener\.((.*?)\.)\w+?$",
    "response_code": r"_rq(_(\d{3}))$",
    "response_code_class": r"_rq(_(\dxx))$",
}


def stats_config() -> Json:
    patterns: list[Json] = [
        *({"prefix": text} for text in _PREFIXES),
        *({"suffix": text} for text in _SUFFIXES),
        *({"contains": text} for text in _PARTS),
        *({"safe_regex": {"regex": text}} for text in _PATTERNS),
    ]
    return {
        "use_all_default_tags": False,
        "stats_tags": [{"tag_name": name, "regex": regex} for name, regex in _TAGS.items()],
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
    }
