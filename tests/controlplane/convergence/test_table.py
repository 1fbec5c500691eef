"""A mapping under construction is the one before until something is written."""

from controlplane.convergence.table import Index, Table


def test_nothing_written_is_the_mapping_before() -> None:
    before = {"a": object()}
    table = Table(before)
    table.put("a", before["a"])
    assert table.frozen() is before
    assert table.changed == set()


def test_writes_are_seen_and_leave_the_mapping_before_alone() -> None:
    before = {"a": 1, "b": 2}
    table = Table(before)
    assert table.set("a", None)
    assert table.put("c", 3)
    assert not table.drop("x")
    assert dict(table.items()) == {"b": 2, "c": 3}
    assert (table.was("a"), table.get("a")) == (1, None)
    assert before == {"a": 1, "b": 2}
    assert table.changed == {"a", "c"}


def test_an_index_files_a_value_under_other_keys() -> None:
    index: Index[str, int] = Index({"x": frozenset({1, 2})})
    index.move(1, old=frozenset({"x"}), new=frozenset({"y"}))
    index.move(2, old=frozenset({"x"}), new=frozenset())
    assert index.frozen() == {"y": frozenset({1})}
    assert set(index) == {"y"}
