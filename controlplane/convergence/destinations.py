"""Which VirtualServices go into force: one that names a destination that is not there is held as a
whole, with its last good state, until the destination exists. Any order of writing works."""

from collections.abc import Iterator

from controlplane.convergence import policies
from controlplane.convergence.draft import Draft
from controlplane.convergence.hosts import expand
from controlplane.convergence.records import MESH, HostPolicy, Rules, ServiceId
from controlplane.convergence.routes import compile_rules, destinations
from controlplane.convergence.world import Held
from controlplane.kinds import Key, Object, Severity, Verdict, VirtualServiceSpec
from translators.model import Health

FAMILY = "destinations"
Named = tuple[str, int | None, str]  # host, port, subset


def update(draft: Draft) -> None:
    """Decide for every VirtualService that this pass may concern."""
    concerned = set(draft.changed_of(("VirtualService",))) | set(draft.held)
    hostnames = {service.hostname for service in draft.touched_services}
    hostnames |= {s.hostname for s in policies.touched_by_policies(draft)}
    hostnames |= {host for _, host in draft.touched_policies}
    for host in hostnames:
        concerned |= draft.naming.get(host)
    for key in sorted(concerned):
        item = draft.accepted.get(key)
        if item is None:
            draft.held.drop(key)
            draft.say(FAMILY, key, ())
            _enforce(draft, key, None)
        else:
            _decide(draft, key, item)


def _decide(draft: Draft, key: Key, candidate: Object) -> None:
    rules = _compiled(draft, candidate)
    named = destinations(rules)
    missing = sorted(filter(None, (_missing(draft, key, name) for name in named)))
    current = draft.in_force.get(key)
    hold = draft.options.missing_destination == "hold"
    held: Held | None = None
    fallback = current is not None or _has_default(draft, rules)
    if missing:
        if hold and fallback and candidate is not current:
            held = Held(candidate, tuple(missing), draft.now, None)
        draft.say(FAMILY, key, [_not_found(draft, key, missing, candidate is current, fallback)])
    else:
        waiting = _unready(draft, named - _named(draft, key)) if hold and fallback else ()
        if waiting and draft.before.accepted and candidate is not current:
            before = draft.held.get(key)
            same = before is not None and before.candidate is candidate and before.deadline
            since = before.since if same and before is not None else draft.now
            deadline = since + draft.options.ready_wait
            if draft.now < deadline:
                held = Held(candidate, waiting, since, deadline)
        draft.say(FAMILY, key, [_waiting(key, held, draft.options.ready_wait)] if held else ())
    draft.held.set(key, held)
    if held is None:
        _enforce(draft, key, rules)
        draft.in_force.put(key, candidate)
    elif current is not None:
        _enforce(draft, key, _compiled(draft, current))
    _file(draft, key, held)


def _compiled(draft: Draft, item: Object) -> Rules:
    """The rules of `item`; those in force already when neither it nor its destinations changed."""
    made = compile_rules(
        item,
        draft.age(item.key),
        domain=draft.options.domain,
        only_port=lambda host: _only_port(draft, host),
    )
    known = draft.rules.get(item.key)
    if known is not None and draft.in_force.get(item.key) is item and known.rules == made.rules:
        return known
    return made


def _only_port(draft: Draft, host: str) -> int | None:
    """The sole port of the service, as written, else as it is kept."""
    written = [draft.written.get(service) for service in _written_ids(draft, host)]
    hold = draft.options.missing_destination == "hold"
    kept = [draft.services.get(s) for s in (draft.by_hostname.get(host) if hold else ())]
    services = [s for s in written if s is not None] or [r.service for r in kept if r is not None]
    if services and len(services[0].ports) == 1:
        return services[0].ports[0].number
    return None


def _enforce(draft: Draft, key: Key, rules: Rules | None) -> None:
    """Put `rules` in force, or none; note the hosts whose routes this touches."""
    old = draft.rules.get(key)
    if old is rules:
        return
    draft.rules.set(key, rules)
    draft.ruling.move(
        key,
        old=frozenset(old.hosts) if old else frozenset(),
        new=frozenset(rules.hosts) if rules else frozenset(),
    )
    if rules is None:
        draft.in_force.drop(key)
        _file(draft, key, None)
    for state in (old, rules):
        if state is not None:
            draft.touched_hosts |= set(state.hosts)
            draft.touched_gateways |= state.gateways != {MESH}
    # what the old routes used may have to go, what the new ones use may have to stay
    for state in (old, rules):
        if state is not None:
            draft.touched_uses |= {host for host, _, _ in destinations(state)}


def _file(draft: Draft, key: Key, held: Held | None) -> None:
    """Remember which hosts `key` depends on, in force and as written."""
    hosts: set[str] = set()
    rules = draft.rules.get(key)
    if rules is not None:
        hosts |= {d.host for rule in rules.rules for d in rule.destinations}
        hosts |= set(rules.hosts)
    if held is not None and isinstance(held.candidate.spec, VirtualServiceSpec):
        for http in held.candidate.spec.http:
            hosts |= {
                expand(r.destination.host, namespace=key.namespace, domain=draft.options.domain)
                for r in http.route
            }
    old = draft.filed.get(key) or frozenset[str]()
    new = frozenset(hosts)
    draft.naming.move(key, old=old, new=new)
    draft.filed.set(key, new or None)


def _named(draft: Draft, key: Key) -> frozenset[Named]:
    rules = draft.rules.get(key)
    return destinations(rules) if rules is not None else frozenset()


def _written_ids(draft: Draft, host: str) -> Iterator[ServiceId]:
    for service in draft.hostnames.get(host):
        if draft.written.get(service) is not None:
            yield service


def _missing(draft: Draft, key: Key, name: Named) -> str:
    """What of the destination is not there, in words; "" when all of it is."""
    host, port, subset = name
    ids = list(_written_ids(draft, host))
    if not ids:
        return f"service {host}"
    services = [s for s in map(draft.written.get, ids) if s is not None]
    if port is not None and all(s.port(port) is None for s in services):
        return f"port {port} of service {host}"
    if subset and not any(subset in p.subsets for p in _policies_of(draft, key, ids)):
        return f"subset {subset} of service {host}"
    return ""


def _policies_of(draft: Draft, key: Key, ids: list[ServiceId]) -> Iterator[HostPolicy]:
    """The policies by which clients of the rule's and of the service's namespace would go."""
    table = policies.written(draft)
    for service in ids:
        for client in dict.fromkeys((key.namespace, service.namespace)):
            yield policies.lookup(table, service, client=client)


def _unready(draft: Draft, named: frozenset[Named]) -> tuple[str, ...]:
    """Those destinations that have no ready endpoint, in words."""
    found = []
    table = policies.written(draft)
    for host, port, subset in sorted(named, key=str):
        if not any(_ready(draft, table, s, port, subset) for s in _written_ids(draft, host)):
            found.append(f"{f'subset {subset} of ' if subset else ''}service {host}")
    return tuple(found)


def _ready(
    draft: Draft, table: policies.Policies, service: ServiceId, port: int | None, subset: str
) -> bool:
    backends = draft.backends.get(service)
    if backends is None:
        return False
    labels = None
    if subset:
        policy = policies.lookup(table, service, client=service.namespace).subsets.get(subset)
        labels = policy.labels if policy else None
    ports = backends.ports if port is None else {port: backends.ports.get(port, ())}
    return any(
        e.health is Health.HEALTHY
        for number in ports
        for e in backends.assignment("", number, labels).endpoints
    )


def _has_default(draft: Draft, rules: Rules) -> bool:
    """Whether every host goes somewhere without these rules."""
    return MESH in rules.gateways and all(
        any(True for _ in _written_ids(draft, host)) for host in rules.hosts
    )


def _not_found(
    draft: Draft, key: Key, missing: list[str], unchanged: bool, fallback: bool
) -> Verdict:
    what = ", ".join(missing)
    if draft.options.missing_destination == "istio" or not fallback:
        effect = "requests to it are answered 503 until it exists"
    elif unchanged:
        effect = "it is kept, with those of its endpoints that are still there, while it is used"
    elif draft.in_force.get(key) is not None:
        effect = "the last good state of this object stays in force until it exists"
    else:
        effect = "the default route of its hosts stays in force until it exists"
    return Verdict(
        object=key,
        severity=Severity.WARNING,
        reason="DestinationNotFound",
        field="spec.http",
        message=f"{what} does not exist; {effect}",
        remedy="write the Service or the DestinationRule subset, or correct the destination",
    )


def _waiting(key: Key, held: Held, seconds: float) -> Verdict:
    return Verdict(
        object=key,
        severity=Severity.INFO,
        reason="WaitingForEndpoints",
        field="spec.http",
        message=f"{', '.join(held.missing)} has no ready endpoint yet; the state before stays in "
        f"force until it has, {seconds:g} s at most",
        remedy="",
    )
