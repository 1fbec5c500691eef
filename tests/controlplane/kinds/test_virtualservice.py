"""VirtualService: what is kept, and every rule with its path and reason."""

from typing import Any

import pytest

from controlplane.kinds import VirtualServiceSpec
from tests.controlplane.kinds.samples import (
    document,
    faults,
    good,
    refused,
    remarks,
    route,
    spec,
    virtual_service,
)
from translators.model import HeaderOperations, MatchKind, Retry, Rewrite, StringMatch


def read(*http: dict[str, Any], **fields: Any) -> VirtualServiceSpec:
    return spec(VirtualServiceSpec, virtual_service(*http, **fields))


def test_everything_that_is_served_is_kept() -> None:
    found = read(
        route(
            name="r",
            match=[
                {
                    "name": "m",
                    "uri": {"prefix": "/x"},
                    "ignoreUriCase": True,
                    "scheme": {"exact": "http"},
                    "method": {"exact": "GET"},
                    "authority": {"regex": "a.*"},
                    "headers": {"b": {"exact": "1"}, "a": {}},
                    "withoutHeaders": {"c": {"prefix": "2"}},
                    "queryParams": {"q": {"exact": ""}},
                    "port": 80,
                    "gateways": ["mesh", "ns/g"],
                    "sourceLabels": {"app": "c"},
                    "sourceNamespace": "n",
                },
                {"port": 0},
            ],
            rewrite={"uri": "/y", "authority": "b"},
            timeout="1.5s",
            retries={"attempts": 3, "perTryTimeout": "250ms", "retryOn": "5xx,503"},
            headers={"request": {"set": {"x-z": "z", "x-a": "1"}, "remove": ["x-b"]}},
            route=[
                {"destination": {"host": "a", "subset": "v1", "port": {"number": 8080}}}
                | {"weight": 90, "headers": {"response": {"add": {"x-c": "2"}}}},
                {"destination": {"host": "b"}, "weight": 10},
            ],
        ),
        exportTo=[".", "other"],
        gateways=["mesh", "shop/g"],
    )
    (rule,) = found.http
    match, any_port = rule.match
    assert (found.hosts, found.gateways, found.export_to) == (
        ("a",),
        ("mesh", "shop/g"),
        (".", "other"),
    )
    assert match.uri == StringMatch(MatchKind.PREFIX, "/x")
    assert match.ignore_uri_case
    assert match.authority == StringMatch(MatchKind.REGEX, "a.*")
    assert list(match.headers.items()) == [
        ("b", StringMatch(MatchKind.EXACT, "1")),
        ("a", StringMatch(MatchKind.PRESENT)),
    ]
    assert match.without_headers == {"c": StringMatch(MatchKind.PREFIX, "2")}
    assert match.query_params == {"q": StringMatch(MatchKind.EXACT, "")}
    assert (match.port, any_port.port) == (80, None)
    assert (match.source_labels, match.source_namespace) == ({"app": "c"}, "n")
    assert rule.timeout_ms == 1500
    assert rule.rewrite == Rewrite(uri="/y", authority="b")
    assert rule.retries is not None
    assert rule.retries.policy == Retry(
        3, "5xx,retriable-status-codes", codes=(503,), per_try_timeout_ms=250
    )
    assert rule.request_headers == HeaderOperations(
        set=(("x-z", "z"), ("x-a", "1")), remove=("x-b",)
    )
    first, second = rule.route
    assert (first.destination.host, first.destination.port, first.destination.subset) == (
        "a",
        8080,
        "v1",
    )
    assert (first.weight, second.weight, second.destination.port) == (90, 10, None)
    assert first.response_headers == HeaderOperations(add=(("x-c", "2"),))


def test_retries_without_conditions_have_istios() -> None:
    (rule,) = read(route(retries={"attempts": 1, "retryIgnorePreviousHosts": False})).http
    assert rule.retries is not None
    assert rule.retries.policy == Retry(
        1,
        "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        previous_hosts=False,
    )
    (rule,) = read(route(retries={})).http
    assert rule.retries is not None
    assert rule.retries.policy is None


@pytest.mark.parametrize(
    ("http", "field", "reason"),
    [
        (route(timeout="0s"), "timeout", "DurationTooShort"),
        (route(timeout="1.5ms"), "timeout", "DurationPrecision"),
        (route(timeout="soon"), "timeout", "Duration"),
        (route(timeout=5), "timeout", "WrongType"),
        (route(retries={"attempts": 0, "backoff": "1s"}), "retries.attempts", "RetriesOff"),
        (route(retries={"attempts": 1, "retryOn": "5xx, reset"}), "retries.retryOn", "RetryOn"),
        (route(retries={"attempts": 2**31}), "retries.attempts", "OutOfRange"),
        (route(match=[{"uri": {"regex": "("}}]), "match[0].uri.regex", "Regex"),
        (route(match=[{"uri": {"regex": "a" * 1025}}]), "match[0].uri.regex", "Regex"),
        (route(match=[{"uri": {"exact": "a", "prefix": "b"}}]), "match[0].uri", "OneOf"),
        (route(match=[{"headers": {"x": {"prefix": ""}}}]), "match[0].headers.x", "EmptyPrefix"),
        (
            route(match=[{"headers": {"@request.auth.claims.a": {}}}]),
            "match[0].headers[@request.auth.claims.a]",
            "NotSupported",
        ),
        (route(match=[{"queryParams": {"": {}}}]), "match[0].queryParams", "QueryName"),
        (route(match=[{"sourceNamespace": "A_b"}]), "match[0].sourceNamespace", "Name"),
        (route(match=[{"port": 65536}]), "match[0].port", "OutOfRange"),
        (route(match=[{"statPrefix": "x"}]), "match[0].statPrefix", "NotSupported"),
        (route(match=[{"urii": {}}]), "match[0].urii", "UnknownField"),
        (route(fault={}), "fault", "NotSupported"),
        (route(mirrors=[]), "mirrors", "NotSupported"),
        (route(rewrite={"uri": "a\nb"}), "rewrite.uri", "HeaderValue"),
        (
            route(rewrite={"uri": "/", "uriRegexRewrite": {"match": "a", "rewrite": "b"}}),
            "rewrite",
            "OneOf",
        ),
        (
            route(rewrite={"uriRegexRewrite": {"match": "(a)", "rewrite": "\\2"}}),
            "rewrite.uriRegexRewrite.rewrite",
            "RewriteGroup",
        ),
        (
            route(rewrite={"authority": "b"}, headers={"request": {"set": {":authority": "c"}}}),
            "headers.request.set[:authority]",
            "OneOf",
        ),
        (
            route(headers={"request": {"add": {"x": "%NOSUCH%"}}}),
            "headers.request.add.x",
            "HeaderValue",
        ),
        (
            route(headers={"response": {"set": {"x": "a\x00"}}}),
            "headers.response.set.x",
            "HeaderValue",
        ),
        (
            route(headers={"request": {"remove": ["Host"]}}),
            "headers.request.remove[0]",
            "HeaderName",
        ),
        ({"route": []}, "route", "Required"),
        (
            {"route": [{"destination": {"host": "*.a"}}]},
            "route[0].destination.host",
            "Host",
        ),
        ({"route": [{"destination": {}}]}, "route[0].destination.host", "Required"),
        (
            {"route": [{"destination": {"host": "a", "port": {"number": 0}}}]},
            "route[0].destination.port.number",
            "OutOfRange",
        ),
        (
            {"route": [{"destination": {"host": "a"}, "weight": True}]},
            "route[0].weight",
            "WrongType",
        ),
    ],
)
def test_a_rule_is_refused_where_it_is_wrong(http: dict[str, Any], field: str, reason: str) -> None:
    assert faults(virtual_service(http)) == [(f"spec.http[0].{field}", reason)]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"hosts": ["a_b"]}, "hosts[0]", "Host"),
        ({"hosts": ["*"]}, "hosts[0]", "Host"),
        ({"hosts": ["*.com", "a.com"]}, "hosts[1]", "DuplicateHost"),
        ({"hosts": [], "gateways": ["g"]}, "gateways", "Delegate"),
        ({"gateways": ["a/b/c"]}, "gateways[0]", "GatewayName"),
        ({"exportTo": ["*", "a"]}, "exportTo[0]", "Export"),
        ({"exportTo": ["a", "a"]}, "exportTo[1]", "DuplicateExport"),
        ({"exportTo": ["A_"]}, "exportTo[0]", "Export"),
        ({"tls": []}, "tls", "NotSupported"),
        ({"tcp": []}, "tcp", "NotSupported"),
        ({"hosts": None}, "hosts", "WrongType"),
    ],
)
def test_the_object_is_refused_where_it_is_wrong(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    assert faults(virtual_service(route(), **fields)) == [(f"spec.{field}", reason)]


def test_a_star_is_allowed_on_gateways_only() -> None:
    assert read(route(), hosts=["*"], gateways=["g"]).hosts == ("*",)


def test_an_address_is_a_host() -> None:
    assert read(route(), hosts=["10.0.0.1", "::1"]).hosts == ("10.0.0.1", "::1")


@pytest.mark.parametrize(
    ("weights", "exact", "relative"),
    [
        ([], True, True),
        ([7], True, True),
        ([90, 10], True, True),
        ([100, 0], True, True),
        ([60, 60], False, True),
        ([1, 1], False, True),
        ([0, 0], False, False),
        ([2**31 - 1] * 3, False, False),
    ],
)
def test_weights(weights: list[int], exact: bool, relative: bool) -> None:
    destinations = [{"destination": {"host": "a"}, "weight": one} for one in weights]
    raw = virtual_service({"route": destinations or [{"destination": {"host": "a"}}]})
    wrong = [("spec.http[0].route", "WeightSum")]
    if exact:
        good(raw)
    else:
        assert faults(raw) == wrong
    if relative:
        good(raw, weights="relative")
    else:
        assert faults(raw, weights="relative") == wrong


def test_a_wrong_sum_is_said() -> None:
    both = [{"destination": {"host": "a"}, "weight": 60}] * 2
    (verdict,) = refused(virtual_service({"route": both}))
    assert "60 + 60 = 120" in verdict.message


def test_all_faults_are_named_at_once() -> None:
    raw = virtual_service(
        route(timeout="0s", fault={}, match=[{"uri": {"regex": "("}}]),
        {"route": [{"destination": {"host": ""}, "weight": "1"}]},
        hosts=["a", "a b"],
        exportTo=["~"],
        typo=1,
    )
    assert {field for field, _ in faults(raw)} == {
        "spec.hosts[1]",
        "spec.exportTo[0]",
        "spec.typo",
        "spec.http[0].timeout",
        "spec.http[0].fault",
        "spec.http[0].match[0].uri.regex",
        "spec.http[1].route[0].destination.host",
        "spec.http[1].route[0].weight",
    }


def test_an_odd_header_name_is_a_warning() -> None:
    raw = virtual_service(route(headers={"request": {"set": {"bad header": "v"}}}))
    assert remarks(raw) == [("spec.http[0].headers.request.set[bad header]", "HeaderName")]


def test_without_hosts_it_does_nothing_yet() -> None:
    raw = document("VirtualService", {"http": [route()]})
    assert remarks(raw) == [("spec.hosts", "NoHosts")]
