"""Pods and WorkloadEntries: who owns an address, with which labels."""

from controlplane.convergence.draft import Draft
from controlplane.kinds import Object, PodSpec, WorkloadEntrySpec
from translators.model import Locality, ObjectRef, Workload

KINDS = ("Pod", "WorkloadEntry")


def workload(item: Object) -> Workload | None:
    """The workload that a Pod or WorkloadEntry is; None while it has no address or has ended."""
    ref = ObjectRef(*item.key)
    match item.spec:
        case PodSpec() as pod:
            if not pod.ips or pod.ended:
                return None
            return Workload(
                name=item.key.name,
                namespace=item.key.namespace,
                addresses=pod.ips,
                labels=item.meta.labels,
                service_account=pod.service_account,
                ready=pod.ready and not pod.deleted,
                ports=pod.ports,
                locality=locality(item.meta.labels.get("istio-locality", "").replace(".", "/")),
                source=ref,
            )
        case WorkloadEntrySpec() as entry:
            return Workload(
                name=item.key.name,
                namespace=item.key.namespace,
                addresses=(entry.address,) if entry.address else (),
                # the labels of the object win over those of the spec
                labels={**entry.labels, **item.meta.labels},
                service_account=entry.service_account,
                ready=True,
                ports=entry.ports,
                locality=locality(entry.locality),
                weight=entry.weight or 1,
                source=ref,
            )
    return None


def locality(text: str) -> Locality:
    """`region/zone/subzone`, as much of it as there is."""
    region, _, rest = text.partition("/")
    zone, _, subzone = rest.partition("/")
    return Locality(region, zone, subzone)


def update(draft: Draft) -> None:
    """Bring workloads up to date; note the namespaces and addresses they touch."""
    for key in draft.changed_of(KINDS):
        item = draft.accepted.get(key)
        old = draft.workloads.get(key)
        new = workload(item) if item is not None else None
        if new == old:
            continue
        draft.workloads.set(key, new)
        if (old is None) != (new is None):
            if new is None:
                draft.workload_keys.remove(key.namespace, key)
            else:
                draft.workload_keys.add(key.namespace, key)
        addresses_old = frozenset(old.addresses) if old else frozenset[str]()
        addresses_new = frozenset(new.addresses) if new else frozenset[str]()
        draft.owners.move(key, old=addresses_old, new=addresses_new)
        draft.touched_addresses |= addresses_old | addresses_new
        draft.touched_workloads.add(key)
