"""Services and ServiceEntries -> the services of the mesh, as written."""

from collections.abc import Iterable
from dataclasses import replace

from controlplane.convergence.draft import Draft
from controlplane.convergence.records import ServiceId
from controlplane.kinds import Key, Object, ServiceEntrySpec, ServiceSpec
from translators.model import ObjectRef, Port, Resolution, Service

KINDS = ("Service", "ServiceEntry")


def services_of(item: Object, domain: str) -> tuple[Service, ...]:
    """The services that one object declares: one for a Service, one a host for a ServiceEntry."""
    ref = ObjectRef(*item.key)
    match item.spec:
        case ServiceSpec() as spec:
            if spec.type == "ExternalName":
                return ()
            return (
                Service(
                    hostname=f"{item.key.name}.{item.key.namespace}.svc.{domain}",
                    namespace=item.key.namespace,
                    name=item.key.name,
                    ports=tuple(
                        Port(
                            number=port.port,
                            name=port.name,
                            protocol=port.protocol,
                            target=port.target_port
                            if isinstance(port.target_port, int)
                            else port.port,
                        )
                        for port in spec.ports
                        if port.transport == "TCP"
                    ),
                    addresses=spec.addresses,
                    resolution=Resolution.PASSTHROUGH
                    if spec.headless
                    else Resolution.CLIENT_SIDE_LB,
                    export_to=_export_annotation(item),
                    source=ref,
                ),
            )
        case ServiceEntrySpec() as spec:
            return tuple(
                Service(
                    hostname=host,
                    namespace=item.key.namespace,
                    name=item.key.name,
                    ports=tuple(
                        Port(p.number, p.name, p.protocol, p.target_port or p.number)
                        for p in spec.ports
                    ),
                    addresses=spec.addresses_of(host),
                    external=spec.external,
                    kubernetes=False,
                    export_to=spec.export_to or ("*",),
                    source=ref,
                )
                for host in spec.hosts
            )
    return ()


def _export_annotation(item: Object) -> tuple[str, ...]:
    text = item.meta.annotations.get("networking.istio.io/exportTo", "")
    return tuple(part.strip() for part in text.split(",") if part.strip()) or ("*",)


def update(draft: Draft) -> None:
    """Bring the written services up to date, and note which of them changed."""
    dirty: set[ServiceId] = set()
    for key in draft.changed_of(KINDS):
        item = draft.accepted.get(key)
        new = services_of(item, draft.options.domain) if item is not None else ()
        old = draft.declared.get(key) or ()
        ids_old = frozenset(ServiceId(s.hostname, s.namespace) for s in old)
        ids_new = frozenset(ServiceId(s.hostname, s.namespace) for s in new)
        draft.declared.set(key, new or None)
        draft.declarers.move(key, old=ids_old, new=ids_new)
        if item is None:
            draft.service_keys.remove(key.namespace, key)
        else:
            draft.service_keys.add(key.namespace, key)
        dirty |= ids_old | ids_new
    for service in dirty:
        found = merged(draft, service)
        if found != draft.written.get(service):
            draft.written.set(service, found)
            draft.hostnames.move(
                service,
                old=frozenset((service.hostname,)) if draft.written.was(service) else frozenset(),
                new=frozenset((service.hostname,)) if found else frozenset(),
            )
            draft.touched_services.add(service)
        # the object may have another selector or another target port
        draft.touched_endpoints.add(service)


def declaring(draft: Draft, service: ServiceId) -> list[Key]:
    """The objects that declare `service`: Kubernetes Services first, then the oldest."""
    return sorted(
        draft.declarers.get(service), key=lambda key: (key.kind != "Service", draft.age(key), key)
    )


def merged(draft: Draft, service: ServiceId) -> Service | None:
    """One service out of all that declare it: the first counts, others add ports."""
    found: Service | None = None
    for key in declaring(draft, service):
        for declared in draft.declared.get(key) or ():
            if declared.hostname != service.hostname:
                continue
            if found is None:
                found = declared
                continue
            more = tuple(p for p in declared.ports if found.port(p.number) is None)
            if more:
                found = with_ports(found, more)
    return found


def with_ports(service: Service, more: Iterable[Port]) -> Service:
    """`service` with `more` ports behind its own."""
    return replace(service, ports=(*service.ports, *more))
