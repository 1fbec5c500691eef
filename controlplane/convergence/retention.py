"""What is no longer written but still used: services, ports and subsets that routes in force name
stay, with those of their endpoints that are still there, until no route uses them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from controlplane.convergence import endpoints
from controlplane.convergence.draft import Draft
from controlplane.convergence.hosts import covers
from controlplane.convergence.records import Backends, HostPolicy, ServiceId, ServiceRecord
from controlplane.convergence.routes import destinations
from controlplane.convergence.services import with_ports
from controlplane.convergence.world import HostKey
from controlplane.kinds import Key, ServiceSpec
from translators.model import Endpoint, Service, selects


def update(draft: Draft, *, drained: frozenset[ServiceId]) -> frozenset[ServiceId]:
    """Bring services, policies and endpoints in force up to date; the services that are kept in
    whole or in part, for the next pass. `drained` is that set of the pass before."""
    hosts = {service.hostname for service in draft.touched_services | drained}
    hosts |= draft.touched_uses
    kept: set[ServiceId] = set()
    for host in hosts:
        used = _used(draft, host)
        for service in draft.hostnames.get(host) | draft.by_hostname.get(host):
            if _service(draft, service, used):
                kept.add(service)
    _policies(draft)
    return frozenset(kept)


def _used(draft: Draft, host: str) -> frozenset[tuple[int | None, str]]:
    """(port, subset) of `host` that routes in force name. `*` hosts take what they cover. As
    Istio does, nothing is kept."""
    if draft.options.missing_destination == "istio":
        return frozenset()
    found: set[tuple[int | None, str]] = set()
    names = [n for n in draft.naming if covers(host, n)] if host.startswith("*") else [host]
    for name in names:
        for key in draft.naming.get(name):
            rules = draft.rules.get(key)
            if rules is not None:
                found |= {(p, s) for h, p, s in destinations(rules) if h == name}
    return frozenset(found)


def _service(draft: Draft, service: ServiceId, used: frozenset[tuple[int | None, str]]) -> bool:
    """Put one service in force; whether anything of it is kept beyond what is written."""
    written = draft.written.get(service)
    before = draft.services.get(service)
    ports = {port for port, _ in used}
    if written is None:
        if before is None or not used:
            _put(draft, service, None)
            endpoints.replace(draft, service, None)
            return False
        _put(draft, service, _record(before, service, before.service, frozenset({None})))
        endpoints.replace(
            draft,
            service,
            _remaining(draft, service, {p.number: p.target for p in before.service.ports}),
        )
        return True
    gone = tuple(
        p
        for p in (before.service.ports if before else ())
        if written.port(p.number) is None and p.number in ports
    )
    effective = with_ports(written, gone) if gone else written
    _put(draft, service, _record(before, service, effective, frozenset(p.number for p in gone)))
    if gone:
        remaining = _remaining(draft, service, {p.number: p.target for p in gone})
        gathered = endpoints.gather(draft, service)
        both = {**remaining.ports, **(gathered.ports if gathered else {})}
        endpoints.replace(draft, service, Backends(both))
    return bool(gone)


def _record(
    before: ServiceRecord | None, key: ServiceId, service: Service, retained: frozenset[int | None]
) -> ServiceRecord:
    if before is not None and before.service == service and before.retained == retained:
        return before
    return ServiceRecord(key, service, retained)


def _put(draft: Draft, service: ServiceId, record: ServiceRecord | None) -> None:
    if draft.services.set(service, record):
        draft.touched_services.add(service)
    host = frozenset((service.hostname,))
    draft.by_hostname.move(
        service,
        old=host if draft.services.was(service) else frozenset(),
        new=host if record else frozenset(),
    )


def _remaining(draft: Draft, service: ServiceId, ports: Mapping[int, int]) -> Backends:
    """Of the endpoints that `ports` (number -> target) had, those that are still there. After a
    restart nothing is known of them: then the Pods that the last selector selects."""
    before = draft.backends.was(service)
    found: dict[int, tuple[Endpoint, ...]] = {}
    for number, target in ports.items():
        had = before.ports.get(number, ()) if before is not None else ()
        left = endpoints.still_there(draft, had)
        found[number] = endpoints.told_again(draft, left) or _selected(draft, service, target)
    return Backends(found)


def _selected(draft: Draft, service: ServiceId, target: int) -> tuple[Endpoint, ...]:
    found: list[Endpoint] = []
    for selector in _selectors(draft, service):
        for key in sorted(draft.workload_keys.get(service.namespace)):
            pod = draft.workloads.get(key)
            if key.kind == "Pod" and pod and pod.ready and selects(selector, pod.labels):
                found.append(endpoints.endpoint_of(draft, pod, pod.addresses[0], target))
    return tuple(found)


def _selectors(draft: Draft, service: ServiceId) -> Iterable[Mapping[str, str]]:
    record = draft.services.was(service)
    if record is None:
        return
    item = draft.accepted.was(Key(*_ref(record)))
    if item is not None and isinstance(item.spec, ServiceSpec) and item.spec.selector:
        yield item.spec.selector


def _ref(record: ServiceRecord) -> tuple[str, str, str]:
    source = record.service.source
    return (source.kind, source.namespace, source.name)


def _policies(draft: Draft) -> None:
    """Policies as written, and the subsets that routes in force still name."""
    dirty: set[HostKey] = set(draft.touched_policies)
    for namespace, host in draft.policies:
        if host in draft.touched_uses:
            dirty.add((namespace, host))
    for key in dirty:
        written, before = draft.written_policies.get(key), draft.policies.get(key)
        subsets = {subset for _, subset in _used(draft, key[1])}
        gone = {
            name: subset
            for name, subset in (before.subsets.items() if before else ())
            if name in subsets and (written is None or name not in written.subsets)
        }
        found: HostPolicy | None = written
        if gone and before is not None:
            base = written or replace(before, keys=(), policy=None, ports={}, subsets={})
            found = replace(base, subsets={**base.subsets, **gone}, retained=frozenset(gone))
            if key not in draft.touched_policies and before.subsets == found.subsets:
                found = before
        if draft.policies.set(key, found):
            draft.touched_policies.add(key)
