"""Rules that no request reaches."""

from typing import Any

import pytest

from tests.controlplane.kinds.samples import remarks, route, virtual_service

UNREACHABLE = ("spec.http[1]", "UnreachableRule")
DUPLICATE = ("spec.http[1].match[0]", "DuplicateMatch")


def uri(**match: str) -> dict[str, Any]:
    return {"uri": match}


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        (uri(prefix="/x"), uri(prefix="/x"), True),
        (uri(prefix="/x"), uri(prefix="/xy"), True),
        (uri(prefix="/x"), uri(exact="/x/y"), True),
        (uri(prefix="/xy"), uri(prefix="/x"), False),
        (uri(exact="/x"), uri(exact="/x"), True),
        (uri(exact="/x"), uri(prefix="/x"), False),
        (uri(prefix="/x"), uri(regex="/x.*"), False),
        (uri(regex="/a"), uri(regex="/a"), True),
        ({"method": {"exact": "GET"}}, {"method": {"exact": "GET"}, **uri(exact="/")}, True),
        ({"method": {"exact": "GET"}}, uri(exact="/"), False),
        (
            {**uri(prefix="/x"), "headers": {"A": {"exact": "1"}}},
            {**uri(exact="/x"), "headers": {"a": {"exact": "1"}, "b": {}}},
            True,
        ),
        ({**uri(prefix="/x"), "port": 80}, uri(prefix="/x"), False),
        ({**uri(prefix="/x"), "ignoreUriCase": True}, uri(prefix="/X"), False),
        (
            {**uri(prefix="/x"), "ignoreUriCase": True},
            {**uri(prefix="/X"), "ignoreUriCase": True},
            True,
        ),
        ({"sourceLabels": {"a": "b"}}, {"sourceLabels": {"a": "b", "c": "d"}}, True),
        ({"sourceNamespace": "n"}, {"gateways": ["g"]}, False),
    ],
)
def test_a_match_that_an_earlier_one_covers(
    first: dict[str, Any], second: dict[str, Any], shadowed: bool
) -> None:
    found = remarks(virtual_service(route(match=[first]), route(match=[second])))
    assert found == ([DUPLICATE, UNREACHABLE] if shadowed else [])


@pytest.mark.parametrize(
    "everything", [{}, {"match": [{}]}, {"match": [uri(prefix="/")]}, {"match": [uri(regex=".*")]}]
)
def test_what_follows_a_catch_all(everything: dict[str, Any]) -> None:
    raw = virtual_service(route(**everything), route(match=[uri(exact="/x")]), route())
    assert remarks(raw) == [UNREACHABLE, ("spec.http[2]", "UnreachableRule")]


def test_a_rule_with_one_live_match_is_reached() -> None:
    raw = virtual_service(
        route(match=[uri(prefix="/x")]), route(match=[uri(exact="/x/a"), uri(exact="/y")])
    )
    assert remarks(raw) == [DUPLICATE]


def test_a_catch_all_at_the_end_is_fine() -> None:
    assert remarks(virtual_service(route(match=[uri(prefix="/x")]), route())) == []


def test_many_kinds_of_conditions_stay_cheap() -> None:
    rules = [route(match=[{"headers": {f"h{i}": {}}, **uri(prefix="/")}]) for i in range(300)]
    rules.append(route(match=[{"headers": {"h7": {}}, **uri(prefix="/")}]))
    assert remarks(virtual_service(*rules)) == [
        ("spec.http[300].match[0]", "DuplicateMatch"),
        ("spec.http[300]", "UnreachableRule"),
    ]
