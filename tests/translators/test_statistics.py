"""Which statistics are kept, and how names are cut."""

import re
from typing import Any, cast

import pytest

from translators.statistics import stats_config

CONFIG = cast("dict[str, Any]", stats_config())


def kept(name: str) -> bool:
    for pattern in CONFIG["stats_matcher"]["inclusion_list"]["patterns"]:
        match pattern:
            case {"prefix": text} if name.startswith(text):
                return True
            case {"suffix": text} if name.endswith(text):
                return True
            case {"contains": text} if text in name:
                return True
            case {"safe_regex": {"regex": text}} if re.fullmatch(text, name):
                return True
    return False


@pytest.mark.parametrize(
    "name",
    [
        "cluster_manager.cds.update_rejected",
        "listener_manager.lds.update_success",
        "server.state",
        "cluster.xds-grpc.upstream_cx_active",
        "cluster.outbound|80||a;.upstream_rq_retry",
        "cluster.outbound|80||a;.upstream_rq_retry_success",
        "cluster.outbound|80||a;.upstream_cx_none_healthy",
        "http.outbound_0.0.0.0_80;.no_cluster",
        "http.outbound_0.0.0.0_80;.no_route",
        "http.outbound_0.0.0.0_80;.rds.80.update_rejected",
    ],
)
def test_needed_statistics_are_kept(name: str) -> None:
    assert kept(name)


def test_the_rest_is_not() -> None:
    assert not kept("cluster.outbound|80||a;.upstream_rq_time")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cluster.outbound|80||a.n.svc.cluster.local;.upstream_rq_retry", None),
        ("cluster.xds-grpc.upstream_rq_200", "xds-grpc"),
    ],
)
def test_the_name_of_a_cluster_is_whole(name: str, value: str | None) -> None:
    (tag,) = [item for item in CONFIG["stats_tags"] if item["tag_name"] == "cluster_name"]
    found = re.search(tag["regex"], name)
    assert found is not None
    assert found.group(2) == (value or "outbound|80||a.n.svc.cluster.local")
    rest = name.replace(found.group(1), "", 1)
    assert rest in ("cluster.upstream_rq_retry", "cluster.upstream_rq_200")
