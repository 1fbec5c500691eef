"""Secrets by namespace and name, and what is to be said of Gateways that ask for them.

Secrets are looked up where the router runs, so a Gateway may ask for several of one name. What is
in force and deleted stays in use for as long as a Gateway names it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from controlplane.convergence.draft import Draft
from controlplane.convergence.records import Gateway, SecretId, SecretRecord, Server
from controlplane.kinds import Key, SecretSpec, ServerTls, ServerTlsMode, Severity, Verdict
from translators import names
from translators.model import Certificate, Labels, SecretContent, Trust, selects
from translators.names import CredentialName, parse_credential

Secrets = Mapping[SecretId, SecretRecord]
_FAMILY = "credentials"
_ROOTS = "-cacert"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server asks for, by SDS names. `roots` "": callers are not verified by a Secret."""

    certificates: tuple[str, ...] = ()
    roots: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.certificates, self.roots) if self.roots else self.certificates


def asked(tls: ServerTls | None) -> Asked:
    if tls is None or not tls.mode.terminates or tls.mode is ServerTlsMode.ISTIO_MUTUAL:
        return Asked()
    roots = tls.ca or next(iter(tls.credentials), "")
    return Asked(
        tuple(map(names.credential, tls.credentials)),
        names.credential(roots, roots=True)
        if roots and tls.mode.asks and not tls.unverified
        else "",
    )


def content(secrets: Secrets, name: str, namespace: str) -> SecretContent | None:
    """What a router of `namespace` is given under an SDS name: only Secrets of its own namespace;
    None where there is no such Secret, or not with what is asked for."""
    parsed = parse_credential(name)
    if parsed is None or (parsed.namespace or namespace) != namespace:
        return None
    if parsed.roots:
        spec = _roots(secrets, namespace, parsed.name)
        return Trust(spec.ca, spec.crl) if spec is not None and spec.ca else None
    record = secrets.get(SecretId(namespace, parsed.name))
    if record is None or not record.spec.certificate:
        return None
    spec = record.spec
    return Certificate(spec.certificate, spec.key, spec.ocsp)


def _roots(secrets: Secrets, namespace: str, name: str) -> SecretSpec | None:
    """CA certificates stand in a Secret of their own, or beside the certificate."""
    for written in (f"{name}{_ROOTS}", name):
        record = secrets.get(SecretId(namespace, written))
        if record is not None:
            return record.spec
    return None


def missing(secrets: Secrets, tls: ServerTls | None, namespace: str) -> Iterator[tuple[str, str]]:
    """(name of the Secret, why) for everything that a server asks for and a router of `namespace`
    cannot be given; each Secret once."""
    seen: set[str] = set()
    for name in asked(tls).all:
        parsed = parse_credential(name)
        assert parsed is not None  # what else is written is refused
        if parsed.name not in seen and content(secrets, name, namespace) is None:
            seen.add(parsed.name)
            yield parsed.name, _why(secrets, parsed, namespace)


def _why(secrets: Secrets, name: CredentialName, namespace: str) -> str:
    if name.namespace not in ("", namespace):
        return (
            f"Secret {name.namespace}/{name.name} is of another namespace than the router's, "
            f"{namespace}"
        )
    if name.roots:
        if _roots(secrets, namespace, name.name) is not None:
            return f"Secret {namespace}/{name.name} has no CA certificates (ca.crt)"
        return f"there is no Secret {namespace}/{name.name}{_ROOTS} nor {namespace}/{name.name}"
    if SecretId(namespace, name.name) in secrets:
        return f"Secret {namespace}/{name.name} has no certificate and key (tls.crt, tls.key)"
    return f"there is no Secret {namespace}/{name.name}, or none that was ever good"


# -- one pass ------------------------------------------------------------------------------------


def update(draft: Draft, gateways: tuple[Gateway, ...]) -> None:
    """Bring Secrets up to date; say of `gateways` what they ask for in vain."""
    changed = draft.changed_of(("Secret",))
    named = _named(gateways) if changed or draft.touched_gateways else frozenset()
    again = draft.touched_gateways
    if draft.touched_gateways:
        _release(draft, named)
    for key in changed:
        id = SecretId(key.namespace, key.name)
        wanted = not named.isdisjoint(((key.namespace, key.name), ("", key.name)))
        _file(draft, id, wanted=wanted)
        again |= wanted
    if again or _routers_moved(draft, gateways):
        _say(draft, gateways)


def _file(draft: Draft, id: SecretId, *, wanted: bool) -> None:
    item = draft.accepted.get(Key("Secret", *id))
    old, new = draft.secrets.get(id), None
    if item is not None:
        assert isinstance(item.spec, SecretSpec)
        new = SecretRecord(item.spec)
    elif old is not None and wanted:
        new = replace(old, retained=True)
    if new == old:
        return
    draft.secrets.set(id, new)
    if old is None or new is None or old.spec.digest != new.spec.digest:
        draft.touched_secrets.add(id)
    if wanted and _shape(old) != _shape(new):
        draft.touched_gateways = True


def _shape(record: SecretRecord | None) -> tuple[bool, ...]:
    """What chains depend on; the content of a Secret is delivered apart."""
    if record is None:
        return ()
    return bool(record.spec.certificate), bool(record.spec.ca)


def _release(draft: Draft, named: frozenset[tuple[str, str]]) -> None:
    for id in [id for id, record in draft.secrets.items() if record.retained]:
        if named.isdisjoint((id, ("", id.name))):
            draft.secrets.drop(id)
            draft.touched_secrets.add(id)


def _named(gateways: Iterable[Gateway]) -> frozenset[tuple[str, str]]:
    """(namespace, name) of what is asked for; namespace "" stands for any."""
    return frozenset(
        named for gateway in gateways for server in gateway.servers for named in _named_by(server)
    )


def _named_by(server: Server) -> Iterator[tuple[str, str]]:
    for parsed in filter(None, map(parse_credential, asked(server.tls).all)):
        yield parsed.namespace, parsed.name
        if parsed.roots:
            yield parsed.namespace, f"{parsed.name}{_ROOTS}"


# -- what is to be said --------------------------------------------------------------------------


def _asking(gateways: Iterable[Gateway]) -> list[Gateway]:
    return [g for g in gateways if any(asked(server.tls).all for server in g.servers)]


def _routers_moved(draft: Draft, gateways: tuple[Gateway, ...]) -> bool:
    """Whether a workload came or went that a Gateway with credentials selects."""
    if not draft.touched_workloads:
        return False
    asking = _asking(gateways)
    return any(
        selects(gateway.selector, workload.labels)
        for key in draft.touched_workloads
        for workload in (draft.workloads.was(key), draft.workloads.get(key))
        if workload is not None
        for gateway in asking
    )


def _say(draft: Draft, gateways: tuple[Gateway, ...]) -> None:
    asking = _asking(gateways)
    spoken = [key for family, key in draft.said if family == _FAMILY]
    for key in set(spoken) - {gateway.key for gateway in asking}:
        draft.say(_FAMILY, key, ())
    places = _places(draft, asking)
    for gateway in asking:
        draft.say(_FAMILY, gateway.key, _verdicts(draft, gateway, sorted(places[gateway.key])))


def _places(draft: Draft, gateways: list[Gateway]) -> dict[Key, set[str]]:
    """The namespaces of the workloads that each Gateway selects; of one that selects all or none,
    its own."""
    found: dict[Key, set[str]] = {gateway.key: set() for gateway in gateways}
    by_label: dict[tuple[str, str], list[Gateway]] = {}
    for gateway in gateways:
        if gateway.selector:
            by_label.setdefault(_first(gateway.selector), []).append(gateway)
    for _, workload in draft.workloads.items() if by_label else ():
        for label in workload.labels.items():
            for gateway in by_label.get(label, ()):
                if selects(gateway.selector, workload.labels):
                    found[gateway.key].add(workload.namespace)
    return {key: places or {key.namespace} for key, places in found.items()}


def _first(selector: Labels) -> tuple[str, str]:
    return next(iter(selector.items()))


def _verdicts(draft: Draft, gateway: Gateway, namespaces: list[str]) -> Iterator[Verdict]:
    for server in gateway.servers:
        for namespace in namespaces:
            for name, why in missing(draft.secrets.frozen(), server.tls, namespace):
                yield _missing(draft, gateway, server, SecretId(namespace, name), why)
            for id in sorted(_read(server, namespace)):
                record = draft.secrets.get(id)
                if record is not None and record.retained:
                    yield _deleted(gateway, server, id)


def _read(server: Server, namespace: str) -> frozenset[SecretId]:
    """The Secrets that a router of `namespace` may be given for `server`."""
    named = _named_by(server)
    return frozenset(SecretId(namespace, name) for at, name in named if at in ("", namespace))


def _missing(draft: Draft, gateway: Gateway, server: Server, secret: SecretId, why: str) -> Verdict:
    hosts = ", ".join(host for _, host in server.hosts)
    if draft.options.missing_destination == "hold":
        then = "until then the router does not answer for them, and serves all others"
    else:
        then = "until then the listener waits for it"
    return Verdict(
        object=gateway.key,
        severity=Severity.ERROR,
        reason="MissingSecret",
        field=f"{server.field}.tls",
        message=f"server {server.port.name} for {hosts} on port {server.port.number}: {why}; "
        f"looked for in the router's namespace {secret.namespace}; {then}",
        remedy=f"write Secret {secret.namespace}/{secret.name}, of type kubernetes.io/tls, or "
        "with ca.crt to verify callers; if it is there, see what is said of it",
        others=(Key("Secret", *secret),),
    )


def _deleted(gateway: Gateway, server: Server, secret: SecretId) -> Verdict:
    return Verdict(
        object=gateway.key,
        severity=Severity.WARNING,
        reason="SecretDeleted",
        field=f"{server.field}.tls",
        message=f"Secret {secret.namespace}/{secret.name} is no longer there; routers keep using "
        "what it held for as long as this Gateway names it, and until the control plane restarts",
        remedy="write the Secret again, or name another one",
        others=(Key("Secret", *secret),),
    )
