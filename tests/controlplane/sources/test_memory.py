"""MemorySource."""

from controlplane.kinds import Key
from controlplane.sources.memory import MemorySource
from controlplane.sources.store import Store
from tests.controlplane.kinds.samples import document


def test_put_and_delete() -> None:
    store = Store(["memory"])
    source = MemorySource(store)
    assert store.synced
    key = Key("Service", "shop", "a")
    source.put(document("Service", {}), document("Namespace", metadata={"name": "b"}))
    assert set(store.take().objects) == {key, Key("Namespace", "", "b")}
    source.put(document("Service", {"type": "NodePort"}))
    assert store.take().changed == {key}
    source.put(document("Service", {"type": "Wrong"}))
    assert key in store.take().refused
    source.delete(key)
    config = store.take()
    assert key not in config.refused
    assert not config.verdicts
