"""The order of HTTP filters."""

from translators.filters import ORDER
from translators.model import Direction, HttpConnection


def test_istio_order_and_only_filters_of_stock_envoy() -> None:
    for direction in Direction:
        made = [each(HttpConnection("80", direction, "x")) for each in ORDER]
        assert [item.name for item in made if item is not None] == [
            "envoy.filters.http.grpc_stats",
            "envoy.filters.http.fault",
            "envoy.filters.http.cors",
            "envoy.filters.http.router",
        ]
