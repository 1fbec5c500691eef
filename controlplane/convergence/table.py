"""A mapping under construction: reads through to the one before, copies it on the first write."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Table(Generic[K, V]):
    """Edits of `before`; `frozen()` is `before` itself when nothing was changed."""

    __slots__ = ("_before", "_own", "changed")

    def __init__(self, before: Mapping[K, V]) -> None:
        self._before = before
        self._own: dict[K, V] | None = None
        self.changed: set[K] = set()

    def get(self, key: K) -> V | None:
        return (self._before if self._own is None else self._own).get(key)

    def was(self, key: K) -> V | None:
        """The value before this pass."""
        return self._before.get(key)

    def __contains__(self, key: K) -> bool:
        return key in (self._before if self._own is None else self._own)

    def __iter__(self) -> Iterator[K]:
        return iter(self._before if self._own is None else self._own)

    def items(self) -> Iterator[tuple[K, V]]:
        return iter((self._before if self._own is None else self._own).items())

    def put(self, key: K, value: V) -> bool:
        """Set `key`; False when it held this very value."""
        if self.get(key) is value:
            return False
        if self._own is None:
            self._own = dict(self._before)
        self._own[key] = value
        self.changed.add(key)
        return True

    def drop(self, key: K) -> bool:
        if key not in self:
            return False
        if self._own is None:
            self._own = dict(self._before)
        del self._own[key]
        self.changed.add(key)
        return True

    def set(self, key: K, value: V | None) -> bool:
        """put() or, for None, drop()."""
        return self.drop(key) if value is None else self.put(key, value)

    def frozen(self) -> Mapping[K, V]:
        return self._before if self._own is None else self._own


class Index(Generic[K, V]):
    """Sets of values by key, edited in the same way."""

    __slots__ = ("_table",)

    def __init__(self, before: Mapping[K, frozenset[V]]) -> None:
        self._table: Table[K, frozenset[V]] = Table(before)

    def get(self, key: K) -> frozenset[V]:
        found = self._table.get(key)
        return frozenset() if found is None else found

    def __iter__(self) -> Iterator[K]:
        return iter(self._table)

    def add(self, key: K, value: V) -> None:
        self._table.put(key, self.get(key) | {value})

    def remove(self, key: K, value: V) -> None:
        left = self.get(key) - {value}
        self._table.set(key, left or None)

    def move(self, value: V, *, old: frozenset[K], new: frozenset[K]) -> None:
        """File `value` under `new` where it stood under `old`."""
        for key in old - new:
            self.remove(key, value)
        for key in new - old:
            self.add(key, value)

    def frozen(self) -> Mapping[K, frozenset[V]]:
        return self._table.frozen()
