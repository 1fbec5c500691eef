"""A source that holds what it is told: for tests and embedding."""

from collections.abc import Mapping

from controlplane.kinds import Key, decode
from controlplane.sources.changes import Delete, Listed, Put
from controlplane.sources.store import Store

NAME = "memory"


class MemorySource:
    """Writes straight through to the store; it has listed from the beginning."""

    def __init__(self, store: Store, *, name: str = NAME) -> None:
        self._store = store
        self._name = name
        store.apply([Listed(name)])

    def put(self, *documents: Mapping[str, object]) -> None:
        """Write documents in one batch; one of the same kind, namespace and name is replaced."""
        self._store.apply([Put(self._name, _slot(raw), raw) for raw in documents])

    def delete(self, *keys: Key) -> None:
        self._store.apply([Delete(self._name, str(key)) for key in keys])


def _slot(raw: Mapping[str, object]) -> str:
    decoded = decode(raw)
    key = getattr(decoded, "key", None)
    return str(key) if isinstance(key, Key) else repr(raw)
