"""Route tables against recorded ones; splicing, duplicate domains, references."""

from dataclasses import replace

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from tests.translators.decoder import RouteConfiguration as Decoded
from tests.translators.decoder import decode
from tests.translators.recorded_tables import TABLES
from tests.translators.recordings import assert_same, recorded
from tests.translators.tables import plain_host, table
from translators import Memo, duplicate_domains, rds
from translators.model import CatchAll, Route, RouteMatch, RouteTable, Target, VirtualHost


def unnamed_operations(value: bytes) -> bytes:
    """The table without the trace operations of its weighted routes, as the recordings have it."""
    wire = RouteConfiguration.FromString(value)
    for host in wire.virtual_hosts:
        for route in host.routes:
            if route.route.HasField("weighted_clusters"):
                route.ClearField("decorator")
    value = wire.SerializeToString(deterministic=True)
    assert isinstance(value, bytes)
    return value


def sent(routes: RouteTable) -> RouteConfiguration:
    return RouteConfiguration.FromString(rds.translate(routes, memo=Memo()).value)


def domains(routes: RouteTable) -> dict[str, list[str]]:
    decoded = decode(Decoded, rds.translate(routes, memo=Memo()).value)
    return {host.name: list(host.domains) for host in decoded.virtual_hosts}


@pytest.mark.parametrize("key", TABLES)
def test_recorded(key: str) -> None:
    packed = rds.translate(TABLES[key], memo=Memo())
    assert_same(unnamed_operations(packed.value), recorded("routes", key, RouteConfiguration))


@pytest.mark.parametrize("routes", TABLES.values(), ids=list(TABLES))
def test_spliced_bytes_are_those_of_the_message(routes: RouteTable) -> None:
    value = rds.translate(routes, memo=Memo()).value
    assert RouteConfiguration.FromString(value).SerializeToString(deterministic=True) == value


def test_long_hosts_are_framed_right() -> None:
    hosts = [
        VirtualHost("h" * size, (f"{'d' * size}.example",), ()) for size in (1, 100, 200, 20_000)
    ]
    decoded = decode(Decoded, rds.translate(table(*hosts), memo=Memo()).value)
    assert [len(host.name) for host in decoded.virtual_hosts] == [1, 100, 200, 20_000, 9]


def test_clusters_are_those_of_all_hosts_and_the_catch_all() -> None:
    packed = rds.translate(TABLES["full-story/web-v1/80"], memo=Memo())
    assert packed.clusters == {
        "PassthroughCluster",
        "outbound|80||web.store.svc.cluster.local",
        "outbound|80|canary|cart.store.svc.cluster.local",
        "outbound|80|stable|cart.store.svc.cluster.local",
    }


def test_a_host_is_packed_once_for_all_tables() -> None:
    memo = Memo()
    shared, own = plain_host("a", "n", "10.0.0.1"), plain_host("b", "n", "10.0.0.2")
    first = rds.translate(table(shared), memo=memo)
    second = rds.translate(table(shared, own), memo=memo)
    assert memo.translated[VirtualHost] == 3  # with allow_any
    assert first.hosts[0] is second.hosts[0]


@pytest.mark.parametrize("count", [3, 4])
def test_a_table_before_changes_nothing_but_the_work(count: int) -> None:
    memo = Memo()
    hosts = [plain_host(f"s{n}", "n", f"10.0.0.{n}") for n in range(3)]
    before = rds.translate(table(*hosts), memo=memo)
    changed = replace(hosts[1], routes=(Route(RouteMatch(), (Target("other"),)),))
    new = [hosts[0], changed, hosts[2], plain_host("s3", "n", "10.0.0.9")][:count]
    after = rds.translate(table(*new), memo=memo, before=before)
    assert after.value == rds.translate(table(*new), memo=Memo()).value
    assert memo.translated[VirtualHost] == 4 + 1 + (count - 3)


def test_the_first_host_keeps_a_domain() -> None:
    first = VirtualHost("first", ("a.example", "b.example"), ())
    second = VirtualHost("second", ("B.example", "c.example"), ())
    third = VirtualHost("third", ("a.example",), ())
    routes = table(first, second, third)
    assert domains(routes) == {
        "first": ["a.example", "b.example"],
        "second": ["c.example"],
        "allow_any": ["*"],
    }
    assert duplicate_domains(routes) == (
        ("B.example", "first", "second"),
        ("a.example", "first", "third"),
    )


def test_a_host_for_everything_leaves_no_room_for_the_catch_all() -> None:
    everything = VirtualHost("mine", ("*",), ())
    routes = table(everything, catch_all=CatchAll.BLOCK_ALL)
    assert domains(routes) == {"mine": ["*"]}
    assert duplicate_domains(routes) == (("*", "mine", "block_all"),)


def test_a_domain_twice_in_one_host_is_sent_once() -> None:
    routes = table(VirtualHost("h", ("a.example", "A.example"), ()), catch_all=CatchAll.NONE)
    assert domains(routes) == {"h": ["a.example"]}


def test_a_host_without_domains_is_not_sent() -> None:
    assert domains(table(VirtualHost("h", (), ()))) == {"allow_any": ["*"]}


def test_duplicates_are_found_with_a_table_before() -> None:
    memo = Memo()
    a, b = plain_host("a", "n", "10.0.0.1"), plain_host("b", "n", "10.0.0.2")
    before = rds.translate(table(a, b), memo=memo)
    clash = replace(b, domains=(*b.domains, a.domains[0]))
    after = rds.translate(table(a, clash), memo=memo, before=before)
    assert decode(Decoded, after.value).virtual_hosts[1].domains == list(b.domains)
    again = rds.translate(table(a, replace(clash)), memo=memo, before=after)
    assert again.value == after.value


def test_a_narrowed_host_keeps_its_routes() -> None:
    a, b = plain_host("a", "n", "10.0.0.1"), plain_host("b", "n", "10.0.0.1")
    wire = sent(table(a, b))
    narrowed = wire.virtual_hosts[1]
    assert list(narrowed.domains) == list(b.domains[:-1])
    assert narrowed.routes[0].route.cluster == "outbound|80||b.n.svc.cluster.local"


def test_a_table_without_hosts() -> None:
    decoded = decode(Decoded, rds.translate(RouteTable("80", {}), memo=Memo()).value)
    assert decoded.name == "80"
    assert decoded.virtual_hosts == []
