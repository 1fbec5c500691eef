"""What is translated again and what is not."""

import gc
from dataclasses import replace

from tests.translators.listeners import LISTENERS
from tests.translators.tables import plain_host
from translators import TRANSLATORS, Memo, Translated, builtin, translate
from translators.model import (
    Assignment,
    CatchAll,
    Cluster,
    Endpoint,
    Listener,
    RouteTable,
    View,
    VirtualHost,
)
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE

BUILTIN = (builtin.PASSTHROUGH, builtin.BLACK_HOLE, builtin.INBOUND_PASSTHROUGH)


def view() -> View:
    hosts = {
        item.name: item for item in (plain_host(f"s{n}", "n", f"10.0.0.{n}") for n in range(3))
    }
    clusters = {item.name: item for item in BUILTIN}
    return View(
        clusters=clusters,
        assignments={"c": Assignment("c", (Endpoint("10.0.0.1", 80),))},
        listeners={item.name: item for item in LISTENERS.values()},
        tables={"80": RouteTable("80", hosts, CatchAll.ALLOW_ANY)},
    )


def with_host(old: View, host: VirtualHost) -> View:
    table = old.tables["80"]
    return replace(old, tables={"80": replace(table, hosts={**table.hosts, host.name: host})})


def contents(translated: Translated) -> dict[tuple[str, str], bytes]:
    return {
        (type_url, name): packed.value
        for type_url, units in translated.items()
        for name, packed in units.items()
    }


def test_types_come_in_push_order() -> None:
    assert list(translate(view(), Memo())) == [CLUSTER, ASSIGNMENT, LISTENER, ROUTE]
    assert [item.type_url for item in TRANSLATORS] == [CLUSTER, ASSIGNMENT, LISTENER, ROUTE]


def test_the_same_mapping_is_handed_back() -> None:
    memo, old = Memo(), view()
    before = translate(old, memo)
    new = with_host(old, replace(plain_host("s1", "n", "10.0.0.77")))
    after = translate(new, memo, (old, before))
    assert after[CLUSTER] is before[CLUSTER]
    assert after[ASSIGNMENT] is before[ASSIGNMENT]
    assert after[LISTENER] is before[LISTENER]
    assert after[ROUTE] is not before[ROUTE]


def test_one_changed_host_is_one_translation() -> None:
    memo, old = Memo(), view()
    before = translate(old, memo)
    memo.translated.clear()
    new = with_host(old, plain_host("s1", "n", "10.0.0.77"))
    after = translate(new, memo, (old, before))
    assert memo.translated == {VirtualHost: 1, RouteTable: 1}
    assert contents(after) == contents(translate(new, Memo()))


def test_one_changed_object_of_a_mapping_is_one_translation() -> None:
    memo, old = Memo(), view()
    before = translate(old, memo)
    memo.translated.clear()
    passthrough = replace(builtin.PASSTHROUGH)
    new = replace(old, clusters={**old.clusters, passthrough.name: passthrough})
    after = translate(new, memo, (old, before))
    assert memo.translated == {Cluster: 1}
    assert after[CLUSTER]["BlackHoleCluster"] is before[CLUSTER]["BlackHoleCluster"]


def test_views_share_what_they_have_in_common() -> None:
    memo, one = Memo(), view()
    first = translate(one, memo)
    memo.translated.clear()
    other = View(
        clusters=dict(one.clusters), listeners=dict(one.listeners), tables=dict(one.tables)
    )
    second = translate(other, memo)
    assert memo.translated == {}
    assert second[LISTENER]["virtualInbound"] is first[LISTENER]["virtualInbound"]


def test_equal_views_give_equal_bytes() -> None:
    assert contents(translate(view(), Memo())) == contents(translate(view(), Memo()))


def test_what_nobody_holds_is_forgotten() -> None:
    memo = Memo()
    held = translate(view(), memo)
    assert len(memo) > 0
    del held
    gc.collect()
    assert len(memo) == 0


def test_removed_names_are_gone() -> None:
    memo, old = Memo(), view()
    before = translate(old, memo)
    listeners: dict[str, Listener] = {}
    after = translate(replace(old, listeners=listeners), memo, (old, before))
    assert after[LISTENER] == {}
