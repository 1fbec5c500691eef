"""What no recorded route shows."""

from translators.model import HeaderOperations, Retry, Rewrite, Route, RouteMatch, Target
from translators.routes import inbound_route, outbound_route

EVERYTHING = RouteMatch()
CLUSTER = "outbound|80||a.n.svc.cluster.local"


def test_a_route_without_target_answers() -> None:
    wire = outbound_route(Route(EVERYTHING, ()))
    assert wire.direct_response.status == 502
    assert not wire.HasField("route")


def test_a_rewrite_of_the_authority_wins_over_headers() -> None:
    named = HeaderOperations(set=(("host", "first.example"), (":Authority", "second.example")))
    target = Target(CLUSTER, request=HeaderOperations(set=(("Host", "third.example"),)))

    def rewritten(route: Route) -> str:
        return str(outbound_route(route).route.host_rewrite_literal)

    assert rewritten(Route(EVERYTHING, (Target(CLUSTER),), request=named)) == "second.example"
    assert rewritten(Route(EVERYTHING, (target,), request=named)) == "third.example"
    rewrite = Rewrite(authority="fourth.example")
    assert rewritten(Route(EVERYTHING, (target,), request=named, rewrite=rewrite)) == (
        "fourth.example"
    )


def test_a_host_in_a_response_is_a_header() -> None:
    response = HeaderOperations(set=(("host", "a"),), add=(("host", "b"),))
    wire = outbound_route(Route(EVERYTHING, (Target(CLUSTER),), response=response))
    assert [item.header.value for item in wire.response_headers_to_add] == ["a", "b"]


def test_trace_operation_is_of_the_first_target() -> None:
    targets = (Target(CLUSTER, 1), Target("outbound|81||b.n.svc.cluster.local", 1))
    wire = outbound_route(Route(EVERYTHING, targets))
    assert wire.decorator.operation == "a.n.svc.cluster.local:80/*"
    assert not outbound_route(Route(EVERYTHING, (Target("other"),))).HasField("decorator")


def test_an_inbound_route_leaves_the_deadline_to_the_caller() -> None:
    route = Route(EVERYTHING, (Target("inbound|80||"),), retry=Retry(2, "reset-before-request"))
    wire = inbound_route(route).route
    assert wire.HasField("timeout")
    assert wire.timeout.ToMilliseconds() == 0
    assert wire.max_stream_duration.HasField("grpc_timeout_header_max")
    assert not wire.HasField("max_grpc_timeout")
    assert wire.retry_policy.host_selection_retry_max_attempts == 0
    assert len(wire.retry_policy.retry_host_predicate) == 0
