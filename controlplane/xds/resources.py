"""Resources as they go over the wire, and the snapshots that a stream is brought to.

A Resource is immutable, known by the hash of its content and packed once for all streams. A
Snapshot is a few layers (what many proxies share, what one has alone); a layer that did not change
is the same object, so the difference between two snapshots costs what changed, once per layer.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from typing import Final
from weakref import WeakValueDictionary, ref

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from translators.wire import (
    ASSIGNMENT,
    CLUSTER,
    LISTENER,
    NOTHING,
    ROUTE,
    SECRET,
    Packed,
    length_field,
    text_field,
)

# the order in which types are pushed (Istio's PushOrder)
PUSH_ORDER: Final = (CLUSTER, ASSIGNMENT, LISTENER, ROUTE, SECRET)


Changes = Mapping[str, frozenset[str]]  # type URL -> names that were added, changed or removed


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Resource:
    """One resource: `version` is a hash of its content, `wire` the serialised delta Resource.

    `any` is the serialised google.protobuf.Any (for SotW). `clusters`, `tables`,
    `needs_assignment` and `addresses` are those of Packed.
    """

    type_url: str
    name: str
    version: str
    wire: bytes = field(repr=False)
    _any: tuple[int, int] = field(repr=False)  # where the Any stands in `wire`
    clusters: frozenset[str] = NOTHING
    tables: frozenset[str] = NOTHING
    needs_assignment: bool = False
    addresses: frozenset[str] = NOTHING
    packed: Packed | None = field(default=None, repr=False)

    @property
    def any(self) -> bytes:
        start, end = self._any
        return self.wire[start:end]


def resource(packed: Packed) -> Resource:
    """The Resource of `packed`; its version is the head of the SHA-256 of the content."""
    version = hashlib.sha256(packed.digest or packed.value).hexdigest()[:16]
    # spliced, since the content may be large: it is copied once
    any_head = text_field(1, packed.type_url) + length_field(2, len(packed.value))
    any_size = len(any_head) + len(packed.value)
    # Resource: version 1, resource 2, name 3
    head = text_field(1, version) + length_field(2, any_size)
    tail = text_field(3, packed.name)
    return Resource(
        type_url=packed.type_url,
        name=packed.name,
        version=version,
        wire=b"".join((head, any_head, packed.value, tail)),
        _any=(len(head), len(head) + any_size),
        clusters=packed.clusters,
        tables=packed.tables,
        needs_assignment=packed.needs_assignment,
        addresses=packed.addresses,
        packed=packed,
    )


class Shelf:
    """Resources by the identity of what they were packed from: each is hashed and wrapped once."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[int, Resource] = WeakValueDictionary()

    def resource(self, packed: Packed) -> Resource:
        found = self._known.get(id(packed))
        if found is None:
            # the Resource holds `packed`, so its id stays taken for as long as the entry lives
            found = self._known[id(packed)] = resource(packed)
        return found


@lru_cache(maxsize=4096)
def empty_assignment(name: str) -> Resource:
    """The assignment of a cluster that has no endpoints, so that its warming finishes."""
    value = ClusterLoadAssignment(cluster_name=name).SerializeToString(deterministic=True)
    return resource(Packed(ASSIGNMENT, name, value))


_NO_RESOURCES: Final[Mapping[str, Resource]] = {}


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Layer:
    """Resources by type URL and name. A mapping that did not change is the same object."""

    maps: Mapping[str, Mapping[str, Resource]]
    _differences: dict[int, tuple["ref[Layer]", Changes]] = field(default_factory=dict, repr=False)

    def changes_since(self, before: "Layer") -> Changes:
        """Names whose version differs; computed once for each `before`, kept for the last four."""
        if before is self:
            return {}
        known = self._differences.get(id(before))
        if known is not None and known[0]() is before:
            return known[1]
        found: dict[str, frozenset[str]] = {}
        for type_url in self.maps.keys() | before.maps.keys():
            new = self.maps.get(type_url, _NO_RESOURCES)
            old = before.maps.get(type_url, _NO_RESOURCES)
            if new is old:
                continue
            names = frozenset(changed_names(old, new))
            if names:
                found[type_url] = names
        self.differs_from(before, found)
        return found

    def differs_from(self, before: "Layer", changes: Changes) -> None:
        """Remember the difference, for whoever has found it already."""
        while len(self._differences) >= 4:
            del self._differences[next(iter(self._differences))]
        self._differences[id(before)] = (ref(before), changes)


def changed_names(old: Mapping[str, Resource], new: Mapping[str, Resource]) -> Iterator[str]:
    """Names that are in one of the two only, or have another version."""
    for name, item in new.items():
        held = old.get(name)
        if held is not item and (held is None or held.version != item.version):
            yield name
    for name in old:
        if name not in new:
            yield name


EMPTY_LAYER: Final = Layer({})


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All that one proxy shall hold. An earlier layer wins where two have the same name.

    `generation` numbers the World it was made from, for people; versions never contain it.
    """

    generation: int
    layers: tuple[Layer, ...]
    # a memo: by type, the mappings of those layers that have any of it
    _maps: dict[str, tuple[Mapping[str, Resource], ...]] = field(default_factory=dict, repr=False)

    def _of(self, type_url: str) -> tuple[Mapping[str, Resource], ...]:
        maps = self._maps.get(type_url)
        if maps is None:
            maps = self._maps[type_url] = tuple(
                layer.maps[type_url] for layer in self.layers if layer.maps.get(type_url)
            )
        return maps

    def getter(self, type_url: str) -> Callable[[str], Resource | None]:
        """get() of one type, for whoever asks for many names."""
        maps = self._of(type_url)
        return maps[0].get if len(maps) == 1 else partial(self.get, type_url)

    def all(self, type_url: str) -> Mapping[str, Resource]:
        """All resources of a type by name, in the order of names()."""
        maps = self._of(type_url)
        if len(maps) == 1:
            return maps[0]
        found: dict[str, Resource] = {}
        for resources in maps:
            # the earlier layer wins, and comes first
            found = {**found, **resources, **found}
        return found

    def get(self, type_url: str, name: str) -> Resource | None:
        for resources in self._of(type_url):
            found = resources.get(name)
            if found is not None:
                return found
        return None

    def names(self, type_url: str) -> Iterable[str]:
        """All names of a type, without repetition; order is that of the layers."""
        maps = [layer.maps[type_url] for layer in self.layers if type_url in layer.maps]
        if len(maps) == 1:
            return maps[0].keys()
        return dict.fromkeys(chain.from_iterable(maps)).keys()

    def changes_since(self, before: "Snapshot") -> Changes:
        """Names that may differ. Layers are compared by position; a superset is possible when a
        name moves between layers, never a subset."""
        if before is self:
            return {}
        found: dict[str, frozenset[str]] = {}
        for index in range(max(len(self.layers), len(before.layers))):
            new = self.layers[index] if index < len(self.layers) else EMPTY_LAYER
            old = before.layers[index] if index < len(before.layers) else EMPTY_LAYER
            for type_url, names in new.changes_since(old).items():
                found[type_url] = found.get(type_url, NOTHING) | names
        return found

    def consistent(self) -> tuple[str, ...]:
        """What is dangling, as sentences: references to clusters, assignments or route tables
        that the snapshot does not have. Envoy acknowledges such references in silence."""
        faults: list[str] = []
        clusters = set(self.names(CLUSTER))
        tables = set(self.names(ROUTE))
        assignments = set(self.names(ASSIGNMENT))
        for type_url in (LISTENER, ROUTE):
            for name in self.names(type_url):
                item = self.get(type_url, name)
                if item is None:
                    continue
                kind = type_url.rsplit(".", 1)[-1]
                faults.extend(
                    f"{kind} {name} refers to cluster {missing}, which is not sent"
                    for missing in sorted(item.clusters - clusters)
                )
                faults.extend(
                    f"{kind} {name} refers to route table {missing}, which is not sent"
                    for missing in sorted(item.tables - tables)
                )
        for name in clusters:
            item = self.get(CLUSTER, name)
            if item is not None and item.needs_assignment and name not in assignments:
                faults.append(f"Cluster {name} has no assignment")
        return tuple(faults)


EMPTY_SNAPSHOT: Final = Snapshot(0, ())
