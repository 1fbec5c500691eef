"""Store: batches in, one Config out."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kinds import Key, Location, Severity, VirtualServiceSpec
from controlplane.sources.changes import Change, Delete, Listed, Put, Report, file_key
from controlplane.sources.store import Store
from tests.controlplane.kinds.samples import document, route, virtual_service

A = Key("VirtualService", "shop", "a")


def vs(timeout: str = "1s", **metadata: Any) -> dict[str, Any]:
    raw = virtual_service(route(timeout=timeout))
    raw["metadata"] |= metadata
    return raw


def put(raw: Any, file: str = "a.yaml", number: int = 1, *, line: int = 1) -> Put:
    return Put("files", f"{file}#{number}", raw, Location(file, number, line))


def gone(file: str = "a.yaml", number: int = 1) -> Delete:
    return Delete("files", f"{file}#{number}")


def timeout(store: Store) -> int | None:
    """The timeout that is in force for A."""
    spec = store.take().objects[A].spec
    assert isinstance(spec, VirtualServiceSpec)
    return spec.http[0].timeout_ms


def filled(*changes: Change) -> Store:
    store = Store(["files"])
    store.apply([*changes, Listed("files")])
    store.take()
    return store


def test_nothing_is_synced_before_every_source_has_listed() -> None:
    store = Store(["files", "memory"])
    store.apply([put(vs()), Listed("files")])
    assert not store.take().synced
    store.apply([Listed("memory")])
    assert store.take().synced


def test_changed_counts_from_the_config_before() -> None:
    store = Store(["files"])
    store.apply([put(vs())])
    assert store.take().changed == {A}
    assert store.take().changed == frozenset()
    store.apply([put(vs("2s"))])
    store.apply([gone()])
    config = store.take()
    assert config.changed == {A}
    assert not config.objects
    assert not config.locations
    assert not config.ages


def test_what_says_the_same_changes_nothing() -> None:
    calls = []
    store = Store(["files"], on_change=lambda: calls.append(1))
    assert store.apply([put(vs())])
    before = store.take()
    assert not store.apply([put(vs())])
    assert not store.apply([put(vs(resourceVersion="2"))])
    after = store.take()
    assert after.changed == frozenset()
    assert after.objects[A] is before.objects[A]
    assert len(calls) == 1


def test_a_document_that_moves_is_the_same_object() -> None:
    store = filled(put(vs(), line=1))
    before = store.take().objects[A]
    store.apply([put(vs(), line=5)])
    config = store.take()
    assert config.objects[A] is before
    assert config.locations[A].line == 5
    assert config.changed == frozenset()


def test_a_bad_document_is_refused_and_said() -> None:
    store = filled(put(vs()))
    store.apply([put(vs("0s"))])
    config = store.take()
    assert config.changed == {A}
    assert A not in config.objects
    assert config.refused[A].key == A
    assert [one.reason for one in config.verdicts[A]] == ["DurationTooShort"]
    store.apply([put(vs())])
    config = store.take()
    assert A in config.objects
    assert not config.refused
    assert not config.verdicts


def test_of_two_documents_the_first_by_path_is_in_force() -> None:
    store = filled(put(vs("2s"), "b.yaml"), put(vs("1s"), "a.yaml"))
    assert timeout(store) == 1000
    (verdict,) = store.take().verdicts[A]
    assert (verdict.reason, verdict.severity) == ("DuplicateObject", Severity.WARNING)
    assert "a.yaml:1" in verdict.message
    assert "b.yaml:1" in verdict.message


def test_many_duplicates_are_one_verdict() -> None:
    store = filled(*(put(vs(), f"{name}.yaml") for name in "abcdefgh"))
    (verdict,) = store.take().verdicts[A]
    assert "a.yaml:1, which is in force, and in b.yaml:1" in verdict.message
    assert verdict.message.endswith("e.yaml:1, 3 more")


def test_the_document_in_force_stays_and_the_other_takes_over() -> None:
    store = filled(put(vs("2s"), "b.yaml"))
    store.apply([put(vs("1s"), "a.yaml")])
    assert timeout(store) == 2000
    store.apply([gone("b.yaml")])
    config = store.take()
    assert config.changed == {A}
    assert A not in config.verdicts
    assert timeout(store) == 1000


def test_moving_to_another_file_in_one_batch_has_no_gap() -> None:
    store = filled(put(vs(), "a.yaml"))
    before = store.take().objects[A]
    store.apply([gone("a.yaml"), put(vs(), "b.yaml")])
    config = store.take()
    assert config.objects[A] == before
    assert config.locations[A].file == "b.yaml"


def test_documents_may_change_places_in_a_file() -> None:
    other = document("Service", {"ports": [{"port": 1, "name": "http"}]})
    store = filled(put(vs(), number=1), put(other, number=2))
    store.apply([put(other, number=1), put(vs(), number=2)])
    config = store.take()
    assert set(config.objects) == {A, Key("Service", "shop", "a")}
    assert not config.verdicts
    assert config.locations[A].document == 2


def test_within_its_file_the_object_in_force_may_move() -> None:
    store = filled(put(vs("2s"), "b.yaml", 1))
    store.apply([put(vs("1s"), "a.yaml")])
    other = document("Service", {})
    store.apply([put(other, "b.yaml", 1), put(vs("2s"), "b.yaml", 2)])
    assert timeout(store) == 2000


def test_age_is_creation_then_path_then_document() -> None:
    def named(name: str, **metadata: Any) -> dict[str, Any]:
        return vs(name=name, **metadata)

    store = filled(
        put(named("d"), "b.yaml", 10),
        put(named("c"), "b.yaml", 9),
        put(named("b", creationTimestamp="2026-01-02T00:00:00Z"), "c.yaml"),
        put(named("a", creationTimestamp="2026-01-03T00:00:00+02:00"), "d.yaml"),
        put(named("e"), "a.yaml"),
    )
    config = store.take()
    oldest_first = sorted(config.ages, key=lambda key: config.ages[key])
    assert [key.name for key in oldest_first] == ["b", "a", "e", "c", "d"]
    assert all(config.objects[key].order == age for key, age in config.ages.items())


def test_another_age_is_a_change() -> None:
    store = filled(put(vs(), "a.yaml"))
    store.apply([gone("a.yaml"), put(vs(), "z.yaml")])
    assert store.take().changed == {A}


def test_reports_come_and_go() -> None:
    store = filled()
    broken = put(7, "b.yaml", 3)
    assert store.apply([broken])
    (verdict,) = store.take().verdicts[file_key("b.yaml")]
    assert verdict.reason == "NotAnObject"
    assert "document 3" in verdict.message
    store.apply([Report("files", "b.yaml", (verdict,))])
    assert len(store.take().verdicts[file_key("b.yaml")]) == 2
    store.apply([Report("files", "b.yaml", ()), gone("b.yaml", 3)])
    assert not store.take().verdicts


def test_a_kind_that_is_not_used_is_said_once() -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment"}
    store = filled(put(deployment, number=1), put(deployment, number=2))
    key = Key("Kind", "", "apps/v1/Deployment")
    assert [one.reason for one in store.take().verdicts[key]] == ["KindIgnored"]
    store.apply([gone(number=1)])
    assert key in store.take().verdicts
    store.apply([gone(number=2)])
    assert key not in store.take().verdicts


def test_weights_are_read_as_told() -> None:
    both = [{"destination": {"host": "a"}, "weight": 1}] * 2
    store = Store(["files"], weights="relative")
    store.apply([put(virtual_service({"route": both}))])
    assert A in store.take().objects


def test_deleting_what_is_not_there_is_nothing() -> None:
    assert not filled().apply([gone()])


NAMES = ["a", "b"]
FILES = ["x.yaml", "y.yaml"]
steps = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(FILES),
            st.integers(1, 2),
            st.none() | st.tuples(st.sampled_from(NAMES), st.sampled_from(["1s", "2s", "0s"])),
        ),
        min_size=1,
        max_size=4,
    ),
    max_size=8,
)


@settings(deadline=None)
@given(steps)
def test_any_history_ends_where_its_documents_say(
    batches: list[list[tuple[str, int, tuple[str, str] | None]]],
) -> None:
    store = Store(["files"])
    written: dict[tuple[str, int], tuple[str, str]] = {}
    before = store.take()
    for batch in batches:
        changes: list[Change] = []
        for file, number, content in batch:
            if content is None:
                written.pop((file, number), None)
                changes.append(gone(file, number))
            else:
                written[file, number] = content
                name, length = content
                changes.append(put(vs(length, name=name), file, number))
        store.apply(changes)
        now = store.take()
        keys = {Key("VirtualService", "shop", name) for name, _ in written.values()}
        assert set(now.objects) | set(now.refused) == keys
        assert not set(now.objects) & set(now.refused)
        for key in keys:
            at = now.locations[key]
            name, length = written[at.file, at.document]
            assert name == key.name
            assert (key in now.refused) == (length == "0s")
            claims = [place for place, content in written.items() if content[0] == name]
            said = [one.reason for one in now.verdicts.get(key, ())]
            assert ("DuplicateObject" in said) == (len(claims) > 1)
            kept = before.locations.get(key)
            if kept is not None and (kept.file, kept.document) in claims:
                assert (at.file, at.document) == (kept.file, kept.document)
        for key in keys | set(before.objects) | set(before.refused):
            same = now.objects.get(key) is before.objects.get(key)
            assert same or key in now.changed
        before = now
