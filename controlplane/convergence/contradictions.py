"""Servers and clients that will not understand each other, said before traffic finds out.

What a PeerAuthentication lets a workload accept against what clients are told and what
DestinationRules make them speak. Looked at by service: only those that a pass touched.
"""

from collections.abc import Iterable, Iterator

from controlplane.convergence import mtls, peers, policies
from controlplane.convergence.draft import Draft
from controlplane.convergence.endpoints import vouching_account
from controlplane.convergence.hosts import covers
from controlplane.convergence.records import Backends, HostPolicy, ServiceId, ServiceRecord
from controlplane.convergence.world import Finding
from controlplane.kinds import Key, PeerAuthenticationSpec, Severity, Verdict
from translators.model import Endpoint, PeerMode, TlsMode, selects

FAMILY = "contradictions"
_SHOWN = 3  # services that a verdict names; the others are counted


def update(draft: Draft) -> None:
    """Look again at the services that this pass touched, and at policies for ports."""
    spoken: set[Key] = set(draft.changed_of(("PeerAuthentication", "DestinationRule")))
    wild = {host for hosts in policies.written(draft).wild.values() for host in hosts}
    for service in _dirty(draft):
        record, backends = draft.services.get(service), draft.backends.get(service)
        found: frozenset[Finding] = frozenset()
        # what policies of the mesh say is not for what is outside of it
        if record is not None and backends is not None and not record.service.external:
            found = frozenset(_findings(draft, record, backends, wild))
        before = draft.findings.get(service) or frozenset()
        if found == before:
            continue
        draft.findings.set(service, found or None)
        old, new = (frozenset(one.object for one in group) for group in (before, found))
        for key in old - new:
            draft.found.remove(key, service)
        for key in new - old:
            draft.found.add(key, service)
        spoken |= {one.object for one in before ^ found}
    spoken |= _policies_for_ports(draft)
    for key in spoken:
        draft.say(FAMILY, key, (*_verdicts(draft, key), *_unserved_ports(draft, key)))


def _dirty(draft: Draft) -> set[ServiceId]:
    found = draft.touched_services | draft.touched_endpoints
    found |= policies.touched_by_policies(draft) | peers.entries(draft)
    for key in peers.concerned(draft):
        workload = draft.workloads.get(key)
        for address in workload.addresses if workload is not None else ():
            found |= {target.service for target in draft.targets.get(address)}
    return found


def _findings(
    draft: Draft, record: ServiceRecord, backends: Backends, wild: Iterable[str]
) -> Iterator[Finding]:
    service = record.service
    known = peers.known(draft)
    rules = list(_rules(draft, record.id, wild))
    for port in service.ports:
        endpoints = backends.ports.get(port.number, ())
        for endpoint in endpoints:
            posture = mtls.posture(known, endpoint.namespace, endpoint.labels)
            mode, by = posture.of(endpoint.port), posture.decided_by(endpoint.port)
            if by is None or not endpoint.owner:
                continue
            capable = mtls.capable(endpoint.labels, vouching_account(endpoint))
            if mode is PeerMode.STRICT and not capable:
                yield Finding(by, "StrictWithoutProxy", (), record.id, port.number)
            for rule in rules:
                yield from _against(rule, record.id, port.number, endpoint, mode, by)


def _against(
    rule: HostPolicy,
    service: ServiceId,
    port: int,
    endpoint: Endpoint,
    mode: PeerMode,
    by: Key,
) -> Iterator[Finding]:
    """What the clusters of one rule that have `endpoint` speak, against what it accepts."""
    chosen = [None, *(s for s in rule.subsets.values() if selects(s.labels, endpoint.labels))]
    for subset in chosen:
        tls = rule.effective(port, subset).tls
        if tls is None:
            continue
        reason = ""
        if mode is PeerMode.STRICT and tls.mode in (TlsMode.DISABLE, TlsMode.SIMPLE):
            reason = "StrictAgainstRule"
        elif mode is PeerMode.DISABLE and tls.mode is TlsMode.ISTIO_MUTUAL:
            reason = "DisabledAgainstRule"
        if reason:
            for one, other in ((rule.keys[0], by), (by, rule.keys[0])):
                yield Finding(one, reason, (other,), service, port)


def _rules(draft: Draft, service: ServiceId, wild: Iterable[str]) -> Iterator[HostPolicy]:
    """The policies of all namespaces that may apply to `service`."""
    for pattern in (service.hostname, *(p for p in wild if covers(p, service.hostname))):
        for host in draft.ruled.get(pattern):
            found = draft.policies.get(host)
            if found is not None and found.keys:
                yield found


def _verdicts(draft: Draft, key: Key) -> Iterator[Verdict]:
    findings = [
        one
        for service in draft.found.get(key)
        for one in draft.findings.get(service) or ()
        if one.object == key
    ]
    for reason in sorted({one.reason for one in findings}):
        yield _verdict(key, reason, [one for one in findings if one.reason == reason])


def _verdict(key: Key, reason: str, findings: list[Finding]) -> Verdict:
    places = sorted({f"{one.service.hostname}:{one.port}" for one in findings})
    others = sorted({other for one in findings for other in one.others})[:_SHOWN]
    named = ", ".join(places[:_SHOWN]) + (
        f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    )
    against = " and ".join(f"{other.kind} {other.namespace}/{other.name}" for other in others)
    rule = key.kind == "DestinationRule"
    match reason:
        case "StrictWithoutProxy":
            message = (
                f"workloads behind {named} are to take mutual TLS only, but nothing says that they "
                "can: clients speak plaintext to them, and would be refused"
            )
            remedy = f"label the workloads {mtls.TLS_LABEL}: istio, or write mode PERMISSIVE"
        case "StrictAgainstRule":
            message = (
                f"{against} wants mutual TLS of the clients of {named}, and this rule makes them "
                "speak something else: they will be refused"
                if rule
                else f"{against} makes clients of {named} speak something else than the mutual TLS "
                "that is wanted here: they will be refused"
            )
            remedy = "write tls mode ISTIO_MUTUAL in the rule, or mode PERMISSIVE in the policy"
        case _:
            message = (
                f"{against} disables TLS for workloads behind {named}, and this rule makes clients "
                "speak mutual TLS: they will not be understood"
                if rule
                else f"{against} makes clients of {named} speak mutual TLS, which is disabled "
                "here: they will not be understood"
            )
            remedy = "write tls mode DISABLE in the rule, or mode PERMISSIVE in the policy"
    return Verdict(
        object=key,
        severity=Severity.WARNING,
        reason=reason,
        field="spec.trafficPolicy.tls" if rule else "spec.mtls",
        message=message,
        remedy=remedy,
        others=tuple(others),
    )


def _policies_for_ports(draft: Draft) -> set[Key]:
    """The policies with ports that select a workload whose services may differ."""
    addresses = set(draft.touched_addresses)
    owners = {key for address in addresses for key in draft.owners.get(address)}
    found: set[Key] = set()
    for key in owners | draft.touched_workloads:
        for workload in (draft.workloads.was(key), draft.workloads.get(key)):
            if workload is not None:
                chosen = mtls.selecting(peers.known(draft), key.namespace, workload.labels)
                found |= {policy.key for policy in chosen if policy.ports}
    return found


def _unserved_ports(draft: Draft, key: Key) -> Iterator[Verdict]:
    """Ports of a policy that no service has at any of the workloads it selects."""
    item = draft.accepted.get(key)
    if item is None or not isinstance(item.spec, PeerAuthenticationSpec):
        return
    left = set(item.spec.ports)
    selected = False
    for workload in _selected(draft, key, item.spec) if left else ():
        selected = True
        for address in workload:
            left -= {target.endpoint_port for target in draft.targets.get(address)}
        if not left:
            return
    if selected:
        ports = ", ".join(map(str, sorted(left)))
        yield Verdict(
            object=key,
            severity=Severity.WARNING,
            reason="PortNotServed",
            field=f"spec.portLevelMtls[{min(left)}]",
            message=f"no service leads to port {ports} of the workloads that are selected: the "
            "mode holds only for callers that dial them directly",
            remedy="write the port that the workload listens on (targetPort), not the service's",
        )


def _selected(draft: Draft, key: Key, spec: PeerAuthenticationSpec) -> Iterable[tuple[str, ...]]:
    for name in sorted(draft.workload_keys.get(key.namespace)):
        workload = draft.workloads.get(name)
        if workload is not None and selects(spec.labels, workload.labels):
            yield workload.addresses
