"""PeerAuthentications as records, what a change of them touches, and what loses among them."""

from collections.abc import Collection, Iterable, Iterator

from controlplane.convergence import switching
from controlplane.convergence.draft import Draft
from controlplane.convergence.mtls import Peers, posture, selecting, told
from controlplane.convergence.records import ServiceId
from controlplane.convergence.world import PeerPolicy
from controlplane.kinds import Key, Object, PeerAuthenticationSpec, Severity, Verdict
from translators.model import PeerMode, Workload, selects

FAMILY = "peers"
KIND = "PeerAuthentication"


def update(draft: Draft) -> None:
    """Bring the policies up to date; note the proxies, services and endpoints that they touch."""
    changed = draft.changed_of((KIND,))
    for namespace in sorted({key.namespace for key in changed}):
        found = {policy.key: policy for policy in draft.peers.get(namespace) or ()}
        for key in changed:
            if key.namespace == namespace:
                found.pop(key, None)
                item = draft.accepted.get(key)
                if item is not None:
                    found[key] = _policy(item)
        ordered = tuple(sorted(found.values(), key=lambda policy: (policy.age, policy.key)))
        draft.peers.set(namespace, ordered or None)
        draft.touched_namespaces.add(namespace)
    switching.update(draft, draft.peers.frozen())
    selected = concerned(draft)
    moved = switching.moved(draft)
    draft.touched_namespaces |= moved
    if draft.told is not draft.before.mesh.told:
        namespaces = moved | {key.namespace for key in changed}
        _touch_services(draft, namespaces)
        _touch_endpoints(draft, selected | set(_within(draft, moved)))
    _say(draft, changed, _overrule(draft, selected | draft.touched_workloads))


def concerned(draft: Draft) -> set[Key]:
    """The workloads that a changed policy is for, or was."""
    return set(_selected(draft, draft.changed_of((KIND,))))


def known(draft: Draft) -> Peers:
    """As it is written."""
    return Peers(draft.peers.get, draft.options.root_namespace)


def told_now(draft: Draft) -> Peers:
    """As clients are told, which follows what is written."""
    return Peers(draft.told.get, draft.options.root_namespace)


def _told_before(draft: Draft) -> Peers:
    return Peers(draft.before.mesh.told.get, draft.options.root_namespace)


def _within(draft: Draft, namespaces: frozenset[str]) -> Iterable[Key]:
    if draft.options.root_namespace in namespaces:
        return draft.workloads
    return (key for namespace in namespaces for key in draft.workload_keys.get(namespace))


def _before(draft: Draft) -> Peers:
    return Peers(draft.peers.was, draft.options.root_namespace)


def _policy(item: Object) -> PeerPolicy:
    spec = item.spec
    assert isinstance(spec, PeerAuthenticationSpec)
    return PeerPolicy(item.key, item.order, spec.labels, spec.mode, spec.ports)


def _selected(draft: Draft, changed: list[Key]) -> Iterator[Key]:
    """The workloads that a changed policy, as it is or as it was, is for."""
    for key in changed:
        for item in (draft.accepted.was(key), draft.accepted.get(key)):
            if item is None or not isinstance(item.spec, PeerAuthenticationSpec):
                continue
            labels = item.spec.labels
            if key.namespace == draft.options.root_namespace:
                yield from () if labels else draft.workloads
                continue
            for workload in draft.workload_keys.get(key.namespace):
                found = draft.workloads.get(workload)
                if found is not None and selects(labels, found.labels):
                    yield workload


def _touch_endpoints(draft: Draft, workloads: set[Key]) -> None:
    """The services behind which one of `workloads` stands, where what clients are told of it may
    differ. Of workloads that changed themselves the services are looked at anyway."""
    for key in workloads:
        workload = draft.workloads.get(key)
        if workload is None:
            continue
        old = posture(_told_before(draft), workload.namespace, workload.labels)
        new = posture(told_now(draft), workload.namespace, workload.labels)
        ports = {None, *(old.ports or ()), *(new.ports or ())}
        if all((old.of(p) is PeerMode.DISABLE) == (new.of(p) is PeerMode.DISABLE) for p in ports):
            continue
        for address in workload.addresses:
            draft.touched_endpoints |= {target.service for target in draft.targets.get(address)}


def _touch_services(draft: Draft, namespaces: Collection[str]) -> None:
    """The services of a namespace that does, or does not any more, disable TLS in general."""
    draft.touched_endpoints |= entries(draft)
    for namespace in _spread(draft, namespaces):
        off = [
            told(table, namespace=namespace) is PeerMode.DISABLE
            for table in (_told_before(draft), told_now(draft))
        ]
        for key in draft.service_keys.get(namespace) if off[0] != off[1] else ():
            draft.touched_services |= _ids(draft, key)


def entries(draft: Draft) -> set[ServiceId]:
    """The services of ServiceEntries that a changed policy may be for, or one whose change goes a
    step on: their endpoints have labels but are no workloads."""
    namespaces = {key.namespace for key in draft.changed_of((KIND,))} | switching.moved(draft)
    found: set[ServiceId] = set()
    for namespace in _spread(draft, namespaces):
        for key in draft.service_keys.get(namespace):
            if key.kind == "ServiceEntry":
                found |= _ids(draft, key)
    return found


def _spread(draft: Draft, namespaces: Collection[str]) -> Iterable[str]:
    """The namespaces that policies of `namespaces` are for."""
    return draft.service_keys if draft.options.root_namespace in namespaces else namespaces


def _ids(draft: Draft, key: Key) -> set[ServiceId]:
    return {ServiceId(s.hostname, s.namespace) for s in draft.declared.get(key) or ()}


def _overrule(draft: Draft, workloads: set[Key]) -> set[Key]:
    """File each of `workloads` under the policies that select it in vain; what was refiled."""
    refiled: set[Key] = set()
    for key in workloads:
        old = _losers(_before(draft), draft.workloads.was(key))
        new = _losers(known(draft), draft.workloads.get(key))
        draft.overruled.move(key, old=old, new=new)
        refiled |= old | new
    return refiled


def _losers(peers: Peers, workload: Workload | None) -> frozenset[Key]:
    if workload is None:
        return frozenset()
    found = selecting(peers, workload.namespace, workload.labels)
    return frozenset(policy.key for policy in found[1:])


def _say(draft: Draft, changed: list[Key], refiled: set[Key]) -> None:
    spoken = set(changed) | refiled
    for namespace in {key.namespace for key in changed}:
        spoken |= {policy.key for policy in draft.peers.get(namespace) or ()}
    for key in spoken:
        draft.say(FAMILY, key, _verdicts(draft, key))


def _verdicts(draft: Draft, key: Key) -> Iterator[Verdict]:
    level = draft.peers.get(key.namespace) or ()
    policy = next((policy for policy in level if policy.key == key), None)
    if policy is None:
        return
    if not policy.labels:
        first = next(other for other in level if not other.labels)
        if first.key != key:
            yield _ignored(key, first.key, f"the policy of namespace {key.namespace}", "selector")
        return
    if key.namespace == draft.options.root_namespace:
        yield Verdict(
            object=key,
            severity=Severity.WARNING,
            reason="SelectorIgnored",
            field="spec.selector",
            message=f"namespace {key.namespace} is the mesh's own: a policy in it is for the whole "
            "mesh, and one with a selector has no effect",
            remedy="write it in the namespace of the workloads",
        )
        return
    lost = draft.overruled.get(key)
    if lost:
        example = min(lost)
        workload = draft.workloads.get(example)
        labels = workload.labels if workload is not None else {}
        winner = selecting(known(draft), key.namespace, labels)[0].key
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        what = f"the policy of {example.kind} {example.namespace}/{example.name}{more}"
        yield _ignored(key, winner, what, "selector.matchLabels")


def _ignored(key: Key, winner: Key, what: str, field: str) -> Verdict:
    return Verdict(
        object=key,
        severity=Severity.WARNING,
        reason="PolicyIgnored",
        field=f"spec.{field}",
        message=f"{what} is PeerAuthentication {winner.namespace}/{winner.name}, which is older; "
        "this one has no effect there",
        remedy="keep one policy for each workload, and one for a namespace",
        others=(winner,),
    )
