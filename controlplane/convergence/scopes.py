"""Sidecars and Gateways as records: who they select, what they open."""

from collections.abc import Mapping

from controlplane.convergence.draft import Draft
from controlplane.convergence.hosts import expand
from controlplane.convergence.records import (
    EgressListener,
    Gateway,
    IngressListener,
    Scope,
    Server,
)
from controlplane.kinds import CaptureMode, GatewaySpec, Object, SidecarSpec
from controlplane.kinds.ports import NamedPort
from translators.model import Labels, Port, Protocol, selects


def update_sidecars(draft: Draft) -> dict[str, tuple[Scope, ...]] | None:
    """Sidecars by namespace, those that select workloads first, then the oldest; None when
    nothing changed."""
    changed = draft.changed_of(("Sidecar",))
    if not changed:
        return None
    draft.touched_namespaces |= {key.namespace for key in changed}
    found: dict[str, list[Scope]] = {}
    for key, item in draft.accepted.items():
        if key.kind == "Sidecar":
            found.setdefault(key.namespace, []).append(scope(draft, item))
    return {
        namespace: tuple(sorted(scopes, key=lambda s: (s.selector is None, s.age, s.key)))
        for namespace, scopes in found.items()
    }


def scope(draft: Draft, item: Object) -> Scope:
    known = draft.before.mesh.sidecars.get(item.key.namespace, ())
    for before in known:
        if before.key == item.key and draft.before.accepted.get(item.key) is item:
            return before
    spec = item.spec
    assert isinstance(spec, SidecarSpec)
    return Scope(
        key=item.key,
        age=draft.age(item.key),
        selector=spec.selector,
        egress=tuple(
            EgressListener(
                port=_port(e.port) if e.port else None,
                bind=e.bind,
                captured=e.capture_mode is not CaptureMode.NONE,
                hosts=tuple(host_pattern(h, item.key.namespace, draft) for h in e.hosts),
            )
            for e in spec.egress
        ),
        ingress=tuple(
            IngressListener(
                port=_port(i.port),
                bind=i.bind,
                captured=i.capture_mode is not CaptureMode.NONE,
                endpoint=i.endpoint,
            )
            for i in spec.ingress
        ),
        allow_any=spec.allow_any,
    )


def _port(port: NamedPort) -> Port:
    return Port(port.number, port.name, port.protocol or Protocol.TCP, port.number)


def host_pattern(text: str, namespace: str, draft: Draft) -> tuple[str, str]:
    """`ns/host` as written in Sidecars and Gateways: namespace (`.` resolved) and host."""
    left, slash, right = text.partition("/")
    if not slash:
        left, right = "*", text
    if left == ".":
        left = namespace
    return left, expand(right, namespace=namespace, domain=draft.options.domain)


def of_proxy(
    sidecars: Mapping[str, tuple[Scope, ...]], namespace: str, labels: Labels, *, root: str
) -> Scope | None:
    """The one Sidecar of a workload: by selector, else the default of its namespace, else that of
    the root namespace."""
    for found in sidecars.get(namespace, ()):
        if found.selector is None or selects(found.selector, labels):
            return found
    return next((s for s in sidecars.get(root, ()) if s.selector is None), None)


def update_gateways(draft: Draft) -> tuple[Gateway, ...] | None:
    """All Gateways, the oldest first; None when nothing changed."""
    if not draft.changed_of(("Gateway",)):
        return None
    draft.touched_gateways = True
    found = []
    for key, item in draft.accepted.items():
        if key.kind == "Gateway" and isinstance(item.spec, GatewaySpec):
            found.append(gateway(draft, item, item.spec))
    return tuple(sorted(found, key=lambda g: (g.age, g.key)))


def gateway(draft: Draft, item: Object, spec: GatewaySpec) -> Gateway:
    return Gateway(
        key=item.key,
        age=draft.age(item.key),
        selector=spec.selector,
        servers=tuple(
            Server(
                port=Port(s.port.number, s.port.name, s.port.protocol, s.port.number),
                bind=s.bind,
                hosts=tuple(host_pattern(h, item.key.namespace, draft) for h in s.hosts),
                field=f"spec.servers[{index}]",
                tls=s.tls.value() if s.tls is not None else None,
            )
            for index, s in enumerate(spec.servers)
            if s.served
        ),
    )
