"""Documents through converge, views and translation, step by step, without a process."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controlplane.convergence import (
    Built,
    Options,
    Shared,
    World,
    build,
    converge,
    own_view,
    place,
    shared_view,
)
from controlplane.kinds import Key, Object, Refusal, Verdict, decode
from tests.fakes import shop
from translators import Memo, Translated, translate
from translators.bootstrap import node_id
from translators.model import Interception, Proxy, ProxyType, View
from translators.wire import ASSIGNMENT, CLUSTER

Document = dict[str, Any]


@dataclass
class Pipeline:
    """Keeps what a running control plane would keep. `now` is the time, set it at will."""

    options: Options = field(default_factory=Options)
    now: float = 100.0
    world: World = field(init=False)
    objects: dict[Key, Object] = field(default_factory=dict)
    refused: dict[Key, Refusal] = field(default_factory=dict)
    memo: Memo = field(default_factory=Memo)
    in_use: frozenset[str] = frozenset()  # retired assignments that some proxy asks for
    _orders: int = 0
    _own: dict[str, Translated] = field(default_factory=dict)
    _views: dict[Shared, tuple[Built, View, Translated]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(options=self.options)

    def put(self, *documents: Document) -> World:
        """Write documents in one batch, and let it pass."""
        changed = set()
        for document in documents:
            decoded = decode(document)
            assert isinstance(decoded, Object | Refusal), decoded
            key = decoded.key
            changed.add(key)
            if isinstance(decoded, Refusal):
                self.refused[key] = decoded
                self.objects.pop(key, None)
                continue
            self.refused.pop(key, None)
            self.objects[key] = self._aged(key, decoded)
        return self._pass(changed)

    def delete(self, *keys: tuple[str, str]) -> World:
        """Remove objects of the namespace `shop`, given as (kind, name)."""
        found = {Key(kind, shop.NAMESPACE, name) for kind, name in keys}
        for key in found:
            self.objects.pop(key, None)
            self.refused.pop(key, None)
        return self._pass(found)

    def wait(self, seconds: float) -> World:
        self.now += seconds
        return self._pass(set())

    def follow(self) -> World:
        """All proxies have acknowledged what was published last."""
        return self._pass(set(), arrived=self.world.generation)

    def _aged(self, key: Key, item: Object) -> Object:
        before = self.objects.get(key)
        self._orders += 1
        return replace(item, order=before.order if before else (self._orders,))

    def _pass(self, changed: set[Key], *, arrived: int = 0) -> World:
        self.world = converge(
            objects=self.objects,
            refused=self.refused,
            changed=frozenset(changed),
            before=self.world,
            now=self.now,
            arrived=arrived,
        )
        for shared, (built, view, translated) in list(self._views.items()):
            new = build(self.world, shared, built, in_use=self.in_use)
            shown = shared_view(new)
            self._views[shared] = (
                new,
                shown,
                translate(shown, self.memo, (view, translated)),
            )
        return self.world

    def packed(self, proxy: Proxy) -> Translated:
        """What the proxy would hold, all layers together."""
        standing = place(self.world, proxy)
        if standing.shared not in self._views:
            built = build(self.world, standing.shared, None)
            view = shared_view(built)
            self._views[standing.shared] = (built, view, translate(view, self.memo))
        _, _, shared = self._views[standing.shared]
        own = translate(own_view(standing.own), self.memo)
        self._own[proxy.id] = own
        return {url: {**shared.get(url, {}), **own.get(url, {})} for url in shared}

    def view(self, proxy: Proxy) -> View:
        """The view that the proxy shares with its group."""
        self.packed(proxy)
        return self._views[place(self.world, proxy).shared][1]

    def verdicts(self, kind: str, name: str) -> tuple[Verdict, ...]:
        return self.world.verdicts().get(Key(kind, shop.NAMESPACE, name), ())

    def reasons(self, kind: str, name: str) -> list[str]:
        return [verdict.reason for verdict in self.verdicts(kind, name)]


def bytes_of(held: Translated) -> Mapping[str, Mapping[str, bytes]]:
    """For comparing: the content of every resource, of assignments those that clusters
    ask for (others wait for proxies to let go of a cluster)."""
    return {
        url: {
            name: packed.value
            for name, packed in sorted(items.items())
            if url != ASSIGNMENT or _needed(held, name)
        }
        for url, items in held.items()
    }


def _needed(held: Translated, assignment: str) -> bool:
    cluster = held[CLUSTER].get(assignment)
    return cluster is not None and cluster.needs_assignment


def proxy(
    name: str = "client",
    *,
    namespace: str = shop.NAMESPACE,
    ip: str = "127.0.60.1",
    kind: ProxyType = ProxyType.SIDECAR,
    labels: Mapping[str, str] | None = None,
    interception: Interception = Interception.REDIRECT,
    generator: str = "",
) -> Proxy:
    return Proxy(
        id=node_id(kind, ip=ip, name=name, namespace=namespace),
        type=kind,
        ip=ip,
        name=name,
        namespace=namespace,
        dns_domain=f"{namespace}.svc.cluster.local",
        ips=(ip,),
        labels=labels or {"app": name},
        interception=interception,
        generator=generator,
    )
