"""The endpoints of each service: from its EndpointSlices, else from the Pods that it selects, or
from the entries and workloads of a ServiceEntry."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Protocol

from controlplane.convergence import mtls, peers
from controlplane.convergence.draft import Draft
from controlplane.convergence.records import NO_BACKENDS, Backends, ServiceId, Target
from controlplane.convergence.services import declaring
from controlplane.convergence.workloads import locality
from controlplane.kinds import (
    EndpointSliceSpec,
    Key,
    Object,
    ServiceEntrySpec,
    ServiceSpec,
)
from translators.model import Endpoint, Health, Labels, PeerMode, Service, Workload, selects

SERVICE_LABEL = "kubernetes.io/service-name"


class Known(Protocol):
    def get(self, key: Key, /) -> Workload | None: ...


class Addresses(Protocol):
    def get(self, key: str, /) -> frozenset[Key] | None: ...


Found = Iterator[tuple[int, Endpoint]]  # service port, endpoint


def update(draft: Draft) -> None:
    """Gather the endpoints again of every service whose slices, workloads or spec changed."""
    dirty = set(draft.touched_endpoints)
    for key in draft.changed_of(("EndpointSlice",)):
        old, new = draft.accepted.was(key), draft.accepted.get(key)
        names_old, names_new = _service_name(key, old), _service_name(key, new)
        draft.slices.move(key, old=names_old, new=names_new)
        for namespace, name in names_old | names_new:
            dirty |= _declared_by(draft, Key("Service", namespace, name))
    dirty |= _served_by(draft, draft.touched_workloads)
    draft.touched_endpoints = set()
    for service in dirty:
        found = gather(draft, service)
        replace(draft, service, found)


def replace(draft: Draft, service: ServiceId, found: Backends | None) -> None:
    """Put `found` in force for `service`, and keep the index of addresses in step."""
    old = draft.backends.get(service)
    if old is not None and found is not None and old.ports == found.ports:
        return
    if old is found:
        return
    if old is not None and found is not None:
        found = Backends(found.ports, earlier=old.memo)
    draft.backends.set(service, found)
    draft.touched_endpoints.add(service)
    targets_old = frozenset(_targets(service, old or NO_BACKENDS))
    targets_new = frozenset(_targets(service, found or NO_BACKENDS))
    for address, target in targets_old - targets_new:
        draft.targets.remove(address, target)
        draft.touched_addresses.add(address)
    for address, target in targets_new - targets_old:
        draft.targets.add(address, target)
        draft.touched_addresses.add(address)


def _targets(service: ServiceId, backends: Backends) -> Iterator[tuple[str, Target]]:
    for port, endpoints in backends.ports.items():
        for endpoint in endpoints:
            yield endpoint.address, Target(service, port, endpoint.port)


def _service_name(key: Key, item: Object | None) -> frozenset[tuple[str, str]]:
    name = item.meta.labels.get(SERVICE_LABEL, "") if item is not None else ""
    return frozenset({(key.namespace, name)}) if name else frozenset()


def _declared_by(draft: Draft, key: Key) -> set[ServiceId]:
    return {ServiceId(s.hostname, s.namespace) for s in draft.declared.get(key) or ()}


def _served_by(draft: Draft, workloads: Iterable[Key]) -> set[ServiceId]:
    """The services that may have one of `workloads` among their endpoints."""
    found: set[ServiceId] = set()
    by_namespace: dict[str, list[Key]] = {}
    for key in workloads:
        by_namespace.setdefault(key.namespace, []).append(key)
    for namespace, keys in by_namespace.items():
        for declarer in draft.service_keys.get(namespace):
            if any(_concerns(draft, declarer, key) for key in keys):
                found |= _declared_by(draft, declarer)
    return found


def _concerns(draft: Draft, declarer: Key, key: Key) -> bool:
    """Whether the workload `key`, as it is or as it was, counts for the service of `declarer`."""
    item = draft.accepted.get(declarer)
    states = [w for w in (draft.workloads.was(key), draft.workloads.get(key)) if w is not None]
    match item.spec if item is not None else None:
        case ServiceSpec() as spec:
            slices = draft.slices.get((declarer.namespace, declarer.name))
            if slices:
                return key.kind == "Pod" and any(_names(draft, s, key) for s in slices)
            return bool(spec.selector) and any(selects(spec.selector, w.labels) for w in states)
        case ServiceEntrySpec() as spec:
            selector = spec.workload_selector
            return selector is not None and any(selects(selector.labels, w.labels) for w in states)
    return False


def _names(draft: Draft, slice_key: Key, pod: Key) -> bool:
    item = draft.accepted.get(slice_key)
    return (
        item is not None
        and isinstance(item.spec, EndpointSliceSpec)
        and any(e.pod == pod.name for e in item.spec.endpoints)
    )


def gather(draft: Draft, service: ServiceId) -> Backends | None:
    """The endpoints of `service` now; None when nothing declares it. One address and port counts
    once, the first time it is found."""
    declared = draft.written.get(service)
    if declared is None:
        return None
    ports: dict[int, dict[tuple[str, int], Endpoint]] = {p.number: {} for p in declared.ports}
    for key in declaring(draft, service):
        item = draft.accepted.get(key)
        own = next(
            (s for s in draft.declared.get(key) or () if s.hostname == service.hostname), None
        )
        if item is None or own is None:
            continue
        for number, endpoint in _of(draft, item, own):
            ports.setdefault(number, {}).setdefault((endpoint.address, endpoint.port), endpoint)
    return Backends({n: tuple(sorted(e.values(), key=_order)) for n, e in ports.items()})


def _order(endpoint: Endpoint) -> tuple[str, int]:
    return (endpoint.address, endpoint.port)


def _of(draft: Draft, item: Object, service: Service) -> Found:
    match item.spec:
        case ServiceSpec() as spec:
            keys = draft.slices.get((item.key.namespace, item.key.name))
            if keys:
                for key in sorted(keys):
                    piece = draft.accepted.get(key)
                    if piece is not None and isinstance(piece.spec, EndpointSliceSpec):
                        yield from _of_slice(draft, piece.key.namespace, piece.spec, service)
            elif spec.selector:
                yield from _of_pods(draft, item.key.namespace, spec)
        case ServiceEntrySpec() as spec:
            yield from _of_entry(draft, item, spec)


def _of_slice(draft: Draft, namespace: str, spec: EndpointSliceSpec, service: Service) -> Found:
    for port in service.ports:
        numbers = [p.port for p in spec.ports if p.name == port.name and p.port]
        for number in numbers:
            for entry in spec.endpoints:
                if entry.terminating:
                    continue
                owner = draft.workloads.get(Key("Pod", namespace, entry.pod)) if entry.pod else None
                for address in entry.addresses:
                    yield (
                        port.number,
                        endpoint_of(draft, owner, address, number, healthy=entry.ready)
                        if owner
                        else Endpoint(
                            address=address,
                            port=number,
                            health=Health.HEALTHY if entry.ready else Health.UNHEALTHY,
                            namespace=namespace,
                        ),
                    )


def _of_pods(draft: Draft, namespace: str, spec: ServiceSpec) -> Found:
    for key in sorted(draft.workload_keys.get(namespace)):
        pod = draft.workloads.get(key)
        if key.kind != "Pod" or pod is None or not pod.ready:
            continue
        if not selects(spec.selector, pod.labels):
            continue
        for port in spec.ports:
            target = port.target_port or port.port
            number = pod.ports.get(target) if isinstance(target, str) else target
            if number:
                yield port.port, endpoint_of(draft, pod, pod.addresses[0], number)


def _of_entry(draft: Draft, item: Object, spec: ServiceEntrySpec) -> Found:
    namespace = item.key.namespace
    for port in spec.ports:
        for index, entry in enumerate(spec.endpoints):
            number = entry.ports.get(port.name) or port.target_port or port.number
            yield (
                port.number,
                Endpoint(
                    address=entry.address,
                    port=number,
                    labels=entry.labels,
                    weight=entry.weight or 1,
                    locality=locality(entry.locality),
                    namespace=namespace,
                    workload=item.key.name,
                    service_account=entry.service_account,
                    owner=f"{item.key.kind}/{item.key.name}/{index}",
                    mutual=_mutual(draft, namespace, entry.labels, number, entry.service_account),
                ),
            )
        if spec.workload_selector is None:
            continue
        for key in sorted(draft.workload_keys.get(namespace)):
            found = draft.workloads.get(key)
            if (
                found is None
                or not found.ready
                or not selects(spec.workload_selector.labels, found.labels)
            ):
                continue
            number = port.target_port or port.number
            if key.kind == "WorkloadEntry":
                number = found.ports.get(port.name) or number
            for address in found.addresses[:1]:
                yield port.number, endpoint_of(draft, found, address, number)


def endpoint_of(
    draft: Draft, owner: Workload, address: str, port: int, *, healthy: bool = True
) -> Endpoint:
    """The endpoint that `owner` serves on `port`."""
    # a Pod has an account in any case, and so no proxy unless it says so
    account = owner.service_account if owner.source.kind == "WorkloadEntry" else ""
    return Endpoint(
        address=address,
        port=port,
        labels=owner.labels,
        health=Health.HEALTHY if healthy else Health.UNHEALTHY,
        weight=owner.weight,
        locality=owner.locality,
        namespace=owner.namespace,
        workload=owner.name,
        service_account=owner.service_account,
        owner=str(owner.source),
        mutual=_mutual(draft, owner.namespace, owner.labels, port, account),
    )


def _mutual(draft: Draft, namespace: str, labels: Labels, port: int, account: str) -> bool:
    """Whether clients are told to speak mutual TLS to `port` of a workload."""
    mode = mtls.told(peers.told_now(draft), namespace=namespace, labels=labels, port=port)
    return mtls.capable(labels, account) and mode is not PeerMode.DISABLE


def vouching_account(endpoint: Endpoint) -> str:
    """The service account that stands for a proxy: a Pod has one in any case."""
    return "" if endpoint.owner.startswith("Pod ") else endpoint.service_account


def told_again(draft: Draft, endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """`endpoints` with what clients are told now; those that it does not change are the same."""
    found = []
    for endpoint in endpoints:
        account = vouching_account(endpoint)
        mutual = _mutual(draft, endpoint.namespace, endpoint.labels, endpoint.port, account)
        found.append(
            endpoint if mutual == endpoint.mutual else dataclasses.replace(endpoint, mutual=mutual)
        )
    return tuple(found)


class Owners(Protocol):
    """What knows who has an address now: a Mesh, or one under construction."""

    @property
    def workloads(self) -> Known: ...

    @property
    def owners(self) -> Addresses: ...


def still_there(mesh: Owners, endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Those of `endpoints` whose workload exists, is ready and still has the address: what may go
    on serving a destination that is no longer written."""
    kept = []
    for endpoint in endpoints:
        for key in mesh.owners.get(endpoint.address) or ():
            owner = mesh.workloads.get(key)
            if owner is not None and owner.ready and str(owner.source) == endpoint.owner:
                kept.append(endpoint)
                break
    return tuple(kept)
