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


def test_browsers_are_understood_before_calls_are_counted() -> None:
    connection = HttpConnection("http.80", Direction.GATEWAY, "x", grpc_web=True)
    made = [item.name for each in ORDER if (item := each(connection)) is not None]
    assert made[:2] == ["envoy.filters.http.grpc_web", "envoy.filters.http.grpc_stats"]
