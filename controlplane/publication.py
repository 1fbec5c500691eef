"""World -> snapshots on seats: which views are built again, translated and put down.

Proxies that see the same share one group: its view is built, translated and compared once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from controlplane.convergence import (
    EMPTY_WORLD,
    NO_BACKENDS,
    Built,
    Phase,
    Place,
    Shared,
    Transition,
    World,
    build,
    left_out,
    own_view,
    place,
    retired,
    shared_view,
)
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.resources import EMPTY_LAYER, Layer, Resource, Shelf, Snapshot
from translators import TRANSLATORS, Memo, Translated, translate
from translators.model import EMPTY_VIEW, Changes, ProxyType, View
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, Packed

K = TypeVar("K")

_NAMES: Final[Mapping[str, Callable[[Changes], frozenset[str]]]] = {
    translator.type_url: translator.changed for translator in TRANSLATORS
}


# by which types a proxy shows that it has followed
_FOLLOWED: Final = {Phase.OPENING: (LISTENER,), Phase.TELLING: (CLUSTER, ASSIGNMENT)}


@dataclass(slots=True)
class _Sheet:
    """A view with what has been made of it."""

    view: View = EMPTY_VIEW
    translated: Translated = field(default_factory=dict)
    layer: Layer = EMPTY_LAYER


@dataclass(slots=True)
class _Group:
    built: Built
    sheet: _Sheet
    seats: set[Seat] = field(default_factory=set)


class Secrets(Protocol):
    """What each proxy has of its own and nobody else may see."""

    def joined(self, seat: Seat) -> None: ...

    def left(self, seat: Seat) -> None: ...

    def layer(self, seat: Seat) -> Layer: ...

    def refresh(self, world: World) -> Iterable[Seat]:
        """Take over what `world` says; the seats whose layer is another one now."""


class NoSecrets:
    """For whoever serves nothing but plaintext."""

    def joined(self, seat: Seat) -> None: ...

    def left(self, seat: Seat) -> None: ...

    def layer(self, seat: Seat) -> Layer:
        del seat
        return EMPTY_LAYER

    def refresh(self, world: World) -> Iterable[Seat]:
        del world
        return ()


class Publication:
    """Keeps every seat's snapshot in step with the World. An audience of the hub."""

    def __init__(
        self, hub: Hub, *, memo: Memo, shelf: Shelf, secrets: Secrets | None = None
    ) -> None:
        self._secrets = secrets if secrets is not None else NoSecrets()
        self._hub = hub
        self._memo = memo
        self._shelf = shelf
        self._world = EMPTY_WORLD
        self._started = False
        self._groups: dict[Shared, _Group] = {}
        self._own: dict[int, _Sheet] = {}
        self._places: dict[Seat, Place] = {}
        self._by_address: dict[str, set[Seat]] = {}
        self._by_name: dict[tuple[str, str], set[Seat]] = {}
        self._routers: set[Seat] = set()
        self._by_source = False
        self._awaited: tuple[int, set[Seat]] = (0, set())
        self._now = 0.0

    @property
    def generation(self) -> int:
        """Of the World that was published last."""
        return self._world.generation

    @property
    def groups(self) -> int:
        return len(self._groups)

    # -- the hub's audience ---------------------------------------------------------------------

    def joined(self, seat: Seat, now: float) -> None:
        self._now = now
        for address in seat.proxy.ips:
            self._by_address.setdefault(address, set()).add(seat)
        self._by_name.setdefault((seat.proxy.namespace, seat.proxy.name), set()).add(seat)
        if seat.proxy.type is ProxyType.ROUTER:
            self._routers.add(seat)
        self._secrets.joined(seat)
        if self._started:
            self._seated(seat)
            self._land(seat)

    def left(self, seat: Seat) -> None:
        self._secrets.left(seat)
        for address in seat.proxy.ips:
            _removed(self._by_address, address, seat)
        _removed(self._by_name, (seat.proxy.namespace, seat.proxy.name), seat)
        self._routers.discard(seat)
        standing = self._places.pop(seat, None)
        if standing is not None:
            self._leave(seat, standing.shared)

    def left_out(self, seat: Seat) -> tuple[str, ...]:
        """What is written for `seat` and not sent to it, as sentences."""
        standing = self._places.get(seat)
        group = self._groups.get(standing.shared) if standing is not None else None
        return left_out(group.built) if group is not None else ()

    def lagging(self, transition: Transition) -> tuple[str, ...]:
        """Connections that have not acknowledged the phase of `transition` yet."""
        if self._awaited[0] != transition.generation:
            self._awaited = (transition.generation, set(self._places))
        awaited = self._awaited[1]
        for seat in tuple(awaited):
            if seat not in self._places or all(
                seat.session.reached(type_url, transition.generation)
                for type_url in _FOLLOWED[transition.phase]
            ):
                awaited.discard(seat)
        return tuple(sorted(seat.id for seat in awaited))

    def renewed(self, seat: Seat, now: float) -> None:
        """The secrets of `seat` are others now."""
        if seat in self._places:
            self._now = now
            self._land(seat)

    # -- a new world ----------------------------------------------------------------------------

    def publish(self, world: World, now: float) -> None:
        """Bring all groups and seats to `world`, which must follow the one published before."""
        self._world, self._now = world, now
        self._hub.reached(world.generation)
        if not self._started:
            self._started = True
            self._by_source = world.mesh.by_source
            changed, moved = set[Seat](), set(self._hub)
        else:
            changed, moved = self._refresh(world), set(self._moved(world))
        for seat in moved:
            self._seated(seat)
        changed.update(self._secrets.refresh(world))
        for seat in changed | moved:
            self._land(seat)
        if len(self._own) > 2 * len(self._hub) + 64:
            used = {id(own_view(standing.own)) for standing in self._places.values()}
            self._own = {key: sheet for key, sheet in self._own.items() if key in used}

    def _refresh(self, world: World) -> set[Seat]:
        """Build the views of all groups again; the seats of those that changed."""
        changed: set[Seat] = set()
        going = frozenset(name for group in self._groups.values() for name in retired(group.built))
        in_use = self._hub.asked_for(ASSIGNMENT, going) if going else going
        for shared, group in list(self._groups.items()):
            group.built = build(world, shared, group.built, in_use=in_use)
            layer = group.sheet.layer
            self._translate(group.sheet, shared_view(group.built))
            if group.sheet.layer is not layer:
                changed |= group.seats
        return changed

    def _moved(self, world: World) -> Iterable[Seat]:
        """Seats whose place may differ: their workload, the services at their addresses or the
        Sidecars of their namespace changed, or routes began or ceased to depend on who asks."""
        touched, root = world.touched, world.options.root_namespace
        by_source = world.mesh.by_source
        if by_source != self._by_source or root in touched.namespaces:
            self._by_source = by_source
            return self._hub
        addresses = set(touched.addresses)
        for service in touched.services:
            for endpoints in world.mesh.backends.get(service, NO_BACKENDS).ports.values():
                addresses.update(endpoint.address for endpoint in endpoints)
        found = {seat for address in addresses for seat in self._by_address.get(address, ())}
        if touched.gateways or touched.workloads:
            # which Secrets a router may have depends on whom its Gateways select
            found |= self._routers
        for key in touched.workloads:
            found |= self._by_name.get((key.namespace, key.name), set())
        if touched.namespaces:
            found.update(s for s in self._hub if s.proxy.namespace in touched.namespaces)
        return found

    def _seated(self, seat: Seat) -> None:
        standing = place(self._world, seat.proxy)
        before = self._places.get(seat)
        if before == standing:
            return
        self._places[seat] = standing
        if before is None or before.shared != standing.shared:
            group = self._groups.get(standing.shared)
            if group is None:
                old = self._groups.get(before.shared) if before is not None else None
                built = build(self._world, standing.shared, old.built if old else None)
                group = _Group(built, _Sheet())
                self._translate(group.sheet, shared_view(group.built))
                self._groups[standing.shared] = group
            group.seats.add(seat)
            if before is not None:
                self._leave(seat, before.shared)

    def _leave(self, seat: Seat, shared: Shared) -> None:
        group = self._groups.get(shared)
        if group is not None:
            group.seats.discard(seat)
            if not group.seats:
                del self._groups[shared]

    def _land(self, seat: Seat) -> None:
        standing = self._places[seat]
        layers: tuple[Layer, ...] = (
            self._sheet(own_view(standing.own)).layer,
            self._groups[standing.shared].sheet.layer,
        )
        secret = self._secrets.layer(seat)
        if secret is not EMPTY_LAYER:
            layers += (secret,)
        seat.land(Snapshot(self._world.generation, layers), self._now)

    def _sheet(self, view: View) -> _Sheet:
        known = self._own.get(id(view))
        if known is None or known.view is not view:
            known = _Sheet()
            self._translate(known, view)
            self._own[id(view)] = known
        return known

    def _translate(self, sheet: _Sheet, view: View) -> None:
        if sheet.view is view:
            return
        translated = translate(view, self._memo, (sheet.view, sheet.translated))
        maps: dict[str, Mapping[str, Resource]] = {}
        changes: dict[str, frozenset[str]] = {}
        for type_url, packed in translated.items():
            before, held = sheet.translated.get(type_url, {}), sheet.layer.maps.get(type_url, {})
            if before is packed:
                maps[type_url] = held
                continue
            names = _changed(sheet.view, view, type_url, before, packed)
            maps[type_url] = made = self._resources(packed, held, names)
            found = frozenset(n for n in names if _version(held, n) != _version(made, n))
            if found:
                changes[type_url] = found
        layer = Layer(maps)
        layer.differs_from(sheet.layer, changes)
        sheet.view, sheet.translated, sheet.layer = view, translated, layer

    def _resources(
        self, packed: Mapping[str, Packed], held: Mapping[str, Resource], names: Iterable[str]
    ) -> Mapping[str, Resource]:
        """The resources of `packed`, which differs from what `held` was made of in `names`."""
        made = dict(held)
        for name in names:
            item = packed.get(name)
            if item is None:
                made.pop(name, None)
            else:
                made[name] = self._shelf.resource(item)
        return made


def _removed(index: dict[K, set[Seat]], key: K, seat: Seat) -> None:
    seats = index.get(key)
    if seats is not None:
        seats.discard(seat)
        if not seats:
            del index[key]


def _version(resources: Mapping[str, Resource], name: str) -> str:
    found = resources.get(name)
    return "" if found is None else found.version


def _changed(
    old: View, new: View, type_url: str, before: Mapping[str, Packed], after: Mapping[str, Packed]
) -> Iterable[str]:
    """Names whose packed resource may be another object."""
    if new.changes is not None and new.changes.since is old.mark:
        return _NAMES[type_url](new.changes)
    return [n for n in before.keys() | after.keys() if before.get(n) is not after.get(n)]
