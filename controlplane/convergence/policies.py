"""DestinationRules: merged within a namespace and host, looked up by client, service and root."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from controlplane.convergence.draft import Draft
from controlplane.convergence.hosts import covers, expand, exported, specificity
from controlplane.convergence.records import NO_POLICY, HostPolicy, ServiceId, SubsetPolicy
from controlplane.convergence.table import Table
from controlplane.convergence.world import HostKey, Mesh
from controlplane.kinds import DestinationRuleSpec, Key, Object, Severity, Verdict

FAMILY = "policies"


def update(draft: Draft) -> None:
    """Merge the rules again of every namespace and host that a changed DestinationRule names."""
    dirty: set[HostKey] = set()
    for key in draft.changed_of(("DestinationRule",)):
        old = _host_key(draft, key, draft.accepted.was(key))
        new = _host_key(draft, key, draft.accepted.get(key))
        draft.rule_keys.move(key, old=old, new=new)
        dirty |= old | new
        if not new:
            draft.say(FAMILY, key, ())
    for host in dirty:
        merged = merge(draft, host)
        draft.written_policies.set(host, merged)
        if merged is None:
            draft.ruled.remove(host[1], host)
        else:
            draft.ruled.add(host[1], host)
        draft.touched_policies.add(host)


def _host_key(draft: Draft, key: Key, item: Object | None) -> frozenset[HostKey]:
    if item is None or not isinstance(item.spec, DestinationRuleSpec):
        return frozenset()
    host = expand(item.spec.host, namespace=key.namespace, domain=draft.options.domain)
    return frozenset({(key.namespace, host)})


def merge(draft: Draft, host: HostKey) -> HostPolicy | None:
    """All rules of one namespace for one host: the first trafficPolicy wins wholesale, subsets
    are united, the first definition of a name counts. What loses is said."""
    keys = sorted(draft.rule_keys.get(host), key=lambda key: (draft.age(key), key))
    found: HostPolicy | None = None
    defined_by: dict[str, Key] = {}
    for key in keys:
        item = draft.accepted.get(key)
        if item is None or not isinstance(item.spec, DestinationRuleSpec):
            continue
        spec = item.spec
        verdicts: list[Verdict] = []
        subsets: dict[str, SubsetPolicy] = dict(found.subsets) if found else {}
        for index, subset in enumerate(spec.subsets):
            if subset.name in subsets:
                verdicts.append(_duplicate(key, index, subset.name, defined_by[subset.name]))
                continue
            defined_by[subset.name] = key
            subsets[subset.name] = SubsetPolicy(
                subset.name,
                subset.labels,
                subset.policy,
                subset.port_policies,
            )
        if found is not None and (spec.policy or spec.port_policies):
            verdicts.append(_ignored_policy(key, found.keys[0], host[1]))
        draft.say(FAMILY, key, verdicts)
        first = found is None
        found = HostPolicy(
            keys=(*(found.keys if found else ()), key),
            policy=spec.policy if first else found.policy if found else None,
            ports=spec.port_policies if first else found.ports if found else {},
            subsets=subsets,
            export_to=spec.export_to or ("*",) if first else found.export_to if found else (),
        )
    return found


def _duplicate(key: Key, index: int, subset: str, winner: Key) -> Verdict:
    return Verdict(
        object=key,
        severity=Severity.WARNING,
        reason="DuplicateSubset",
        field=f"spec.subsets[{index}].name",
        message=f"subset {subset} is already defined by DestinationRule "
        f"{winner.namespace}/{winner.name}, which is older; this definition has no effect",
        remedy="rename or remove one of the two",
        others=(winner,),
    )


def _ignored_policy(key: Key, winner: Key, host: str) -> Verdict:
    return Verdict(
        object=key,
        severity=Severity.WARNING,
        reason="PolicyIgnored",
        field="spec.trafficPolicy",
        message=f"the traffic policy of host {host} is that of DestinationRule "
        f"{winner.namespace}/{winner.name}, which is older; this one has no effect",
        remedy="keep the traffic policy of a host in one DestinationRule",
        others=(winner,),
    )


def touched_by_policies(draft: Draft) -> set[ServiceId]:
    """The services that the policies touched in this pass may apply to."""
    found: set[ServiceId] = set()
    for _, pattern in draft.touched_policies:
        if pattern.startswith("*"):
            found |= {s for s in draft.services if covers(pattern, s.hostname)}
        else:
            found |= draft.by_hostname.get(pattern)
    return found


def wildcards(policies: Iterable[HostKey]) -> dict[str, tuple[str, ...]]:
    """The wildcard hosts of each namespace, the most specific first."""
    found: dict[str, list[str]] = {}
    for namespace, host in policies:
        if host.startswith("*"):
            found.setdefault(namespace, []).append(host)
    return {n: tuple(sorted(h, key=specificity, reverse=True)) for n, h in found.items()}


class Policies(NamedTuple):
    """Where policies are looked up: merged rules, and each namespace's wildcard hosts."""

    get: Callable[[HostKey], HostPolicy | None]
    wild: Mapping[str, tuple[str, ...]]
    root: str


def lookup(policies: Policies, service: ServiceId, *, client: str) -> HostPolicy:
    """The policy that a client of namespace `client` applies to `service`: that of its own
    namespace, else of the service's, else of the root; the most specific host of the first of
    these that has any. Levels are not merged (Istio's rule)."""
    for namespace in dict.fromkeys((client, service.namespace, policies.root)):
        for host in _candidates(policies, namespace, service.hostname):
            found = policies.get((namespace, host))
            if found is not None and exported(found.export_to, owner=namespace, viewer=client):
                return found
    return NO_POLICY


def _candidates(policies: Policies, namespace: str, hostname: str) -> Iterable[str]:
    yield hostname
    for pattern in policies.wild.get(namespace, ()):
        if covers(pattern, hostname):
            yield pattern


def written(draft: Draft) -> Policies:
    """The policies as they stand in the objects, without what is retained."""
    return _policies(draft, draft.written_policies)


def effective(mesh: Mesh, root: str) -> Policies:
    return Policies(mesh.policies.get, mesh.wild_policies, root)


def _policies(draft: Draft, table: Table[HostKey, HostPolicy]) -> Policies:
    wild: Mapping[str, tuple[str, ...]] = draft.before.mesh.wild_policies
    if any(host.startswith("*") for _, host in draft.touched_policies):
        wild = wildcards(table)
    return Policies(table.get, wild, draft.options.root_namespace)
