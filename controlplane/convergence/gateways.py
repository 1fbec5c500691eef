"""Gateways joined: what a router listens on, chain by chain, and what is left out and why.

Servers on one address are one listener. The first decides whether TLS is spoken there; each that
speaks TLS is a chain with a route table of its own, all others share one table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controlplane.convergence import secrets
from controlplane.convergence.hosts import covers, exported
from controlplane.convergence.records import Gateway, Rules, Server
from controlplane.convergence.world import Mesh, World
from controlplane.kinds import ServerTls, ServerTlsMode
from translators import names
from translators.model import (
    DownstreamTls,
    MatchKind,
    ObjectRef,
    Protocol,
    Proxy,
    SecretRef,
    SecretSource,
    StringMatch,
    selects,
)
from translators.names import GatewayTable, SecureTable, table

Source = tuple[Rules, str]  # a VirtualService, and the Gateway that it is bound to
_ALPN = ("h2", "http/1.1")
_ANY_HOST = "*"


@dataclass(frozen=True, slots=True)
class Routing:
    """Routers that agree in this run the same. `ports` maps a Gateway's port to the one that the
    router listens on, where a Service stands between. `proven` is the namespace that the router
    has proven to be of, "" for none: only then it is given Secrets."""

    namespace: str
    dns_domain: str
    labels: tuple[tuple[str, str], ...]
    ports: tuple[tuple[int, int], ...]
    proven: str = ""
    secrets: SecretSource = SecretSource.AGENT


@dataclass(slots=True)
class Hosts:
    """What one route table answers for. `port` is the Gateway's; callers of the `redirected`
    without TLS are sent away."""

    table: str
    port: int
    sources: dict[str, list[Source]] = field(default_factory=dict)
    redirected: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Secured:
    """A server that speaks TLS. No `server_names`: whatever no other chain takes."""

    server_names: tuple[str, ...]
    tls: DownstreamTls
    hosts: Hosts


@dataclass(slots=True)
class Opened:
    """One address that is listened on: plaintext or, where `plain` is None, TLS."""

    bind: str
    number: int
    source: ObjectRef
    plain: Hosts | None
    secured: list[Secured] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)  # names that some chain has
    grpc_web: bool = False

    @property
    def tables(self) -> tuple[Hosts, ...]:
        return (self.plain,) if self.plain is not None else tuple(s.hosts for s in self.secured)


@dataclass(slots=True)
class Openings:
    """Everything that is listened on, by address; `held` says what is left out, and why."""

    ports: dict[tuple[str, int], Opened] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)


def openings(world: World, routing: Routing) -> Openings:
    mesh, labels, mapped = world.mesh, dict(routing.labels), dict(routing.ports)
    bound = _bound(mesh, routing.namespace)
    found = Openings()
    for gateway in mesh.gateways:
        if not selects(gateway.selector, labels):
            continue
        rules = bound.get(gateway.name, [])
        for server in gateway.servers:
            number = mapped.get(server.port.number, server.port.number)
            port = _port(found.ports, gateway, server, number=number)
            if isinstance(port, Opened):
                why = _open(world, routing, port=port, gateway=gateway, server=server, rules=rules)
            else:
                why = port
            if why:
                found.held.append(f"{gateway.key} {server.field}: {why}")
    # a listener whose chains are all left out would be refused
    found.ports = {address: port for address, port in sorted(found.ports.items()) if port.tables}
    for port in found.ports.values():
        for hosts in port.tables:
            for sources in hosts.sources.values():
                sources.sort(key=lambda source: (source[0].age, source[0].key))
    return found


def _secure(server: Server) -> bool:
    return server.tls is not None and server.tls.mode.terminates


def _port(
    ports: dict[tuple[str, int], Opened], gateway: Gateway, server: Server, *, number: int
) -> Opened | str:
    """Where `server` is listened for; why it cannot be there, where another one is in its way."""
    address, secure = (server.bind, number), _secure(server)
    port = ports.get(address)
    if port is None:
        plain = None
        if not secure:
            plain = Hosts(table(GatewayTable(number, server.bind)), server.port.number)
        port = ports[address] = Opened(server.bind, number, ObjectRef(*gateway.key), plain)
    elif secure != (port.plain is None):
        spoken = "plaintext" if secure else "TLS"
        return f"an older server speaks {spoken} on port {number}, and an address speaks one"
    return port


def _open(
    world: World,
    routing: Routing,
    *,
    port: Opened,
    gateway: Gateway,
    server: Server,
    rules: list[Rules],
) -> str:
    """Add one server; why it is left out, if it is."""
    if port.plain is not None:
        port.grpc_web |= server.port.protocol is Protocol.GRPC_WEB
        _fill(port.plain, gateway, server, bound=rules)
        return ""
    assert server.tls is not None
    wanted = tuple(dict.fromkeys(host.lower() for _, host in server.hosts))
    if twice := sorted(port.taken.intersection(wanted)):
        return f"port {port.number} has an older server for {', '.join(twice)}"
    port.taken.update(wanted)
    if why := _held(world, routing, server.tls):
        return why
    number, name = server.port.number, gateway.key
    hosts = Hosts(
        table(SecureTable(number, server.port.name, name.name, name.namespace, server.bind)), number
    )
    _fill(hosts, gateway, server, bound=rules)
    server_names = () if _ANY_HOST in wanted else wanted
    port.secured.append(Secured(server_names, downstream(server.tls, routing.secrets), hosts))
    return ""


def _held(world: World, routing: Routing, tls: ServerTls) -> str:
    """Why a chain would keep the listener waiting, or serve nobody; "" where it would not."""
    if world.options.missing_destination != "hold":
        return ""
    if tls.mode is ServerTlsMode.ISTIO_MUTUAL and routing.secrets is SecretSource.NONE:
        return "the router has no certificate of the mesh: nobody vouches for it"
    if not secrets.asked(tls).all:
        return ""
    if not routing.proven:
        return (
            "the router has not proven who it is, or not as a service account of the workloads "
            "that the Gateway selects, so it is given no Secrets; let it connect to the secured "
            "port as one of them"
        )
    return "; ".join(why for _, why in secrets.missing(world.mesh.secrets, tls, routing.proven))


def downstream(tls: ServerTls, source: SecretSource) -> DownstreamTls:
    """What a server presents and asks for. `source` is where the router's own certificates and
    files come from; Secrets always come over ADS."""
    asked = secrets.asked(tls)
    trust: SecretRef | None = None
    if tls.mode is ServerTlsMode.ISTIO_MUTUAL:
        certificates: tuple[SecretRef, ...] = (SecretRef(names.IDENTITY, source),)
        trust = SecretRef(names.TRUST, source)
    elif asked.certificates:
        certificates = tuple(SecretRef(name, SecretSource.ADS) for name in asked.certificates)
    else:
        certificates = tuple(
            SecretRef(names.file_certificate(certificate, key), source)
            for certificate, key in tls.files
        )
    if asked.roots:
        trust = SecretRef(asked.roots, SecretSource.ADS)
    elif tls.mode.asks and tls.roots and not asked.certificates:
        trust = SecretRef(names.file_root(tls.roots), source)
    return DownstreamTls(
        certificates=certificates,
        alpn=_ALPN,
        trust=trust,
        require=tls.mode in (ServerTlsMode.MUTUAL, ServerTlsMode.ISTIO_MUTUAL),
        sans=tuple(StringMatch(MatchKind.EXACT, san) for san in tls.sans) if trust else (),
        minimum=tls.minimum,
        maximum=tls.maximum,
        ciphers=tls.ciphers,
        crl=tls.crl,
        spki=tls.spki,
        hashes=tls.hashes,
        unverified=tls.unverified and tls.mode.asks,
    )


def _bound(mesh: Mesh, namespace: str) -> dict[str, list[Rules]]:
    """The VirtualServices that routers of `namespace` see, by the Gateway they are bound to."""
    found: dict[str, list[Rules]] = {}
    for rules in sorted(mesh.rules.values(), key=lambda rules: (rules.age, rules.key)):
        if exported(rules.export_to, owner=rules.key.namespace, viewer=namespace):
            for gateway in rules.gateways:
                found.setdefault(gateway, []).append(rules)
    return found


def _fill(hosts: Hosts, gateway: Gateway, server: Server, *, bound: list[Rules]) -> None:
    """The hosts of `server` that some VirtualService routes, and those that it sends to https."""
    redirect = server.tls is not None and server.tls.redirect and not _secure(server)
    for host, rules in _served(server, bound):
        sources = hosts.sources.setdefault(host, [])
        if (rules, gateway.name) not in sources:
            sources.append((rules, gateway.name))
        if redirect:
            hosts.redirected.add(host)
    if redirect:
        for _, host in server.hosts:
            hosts.sources.setdefault(host, [])
            hosts.redirected.add(host)


def _served(server: Server, bound: list[Rules]) -> Iterator[tuple[str, Rules]]:
    """The hosts that both the server and a VirtualService have; of the two the narrower."""
    for rules in bound:
        for host in rules.hosts:
            for namespace, pattern in server.hosts:
                if namespace not in ("*", rules.key.namespace):
                    continue
                if covers(pattern, host):
                    yield host, rules
                elif covers(host, pattern):
                    yield pattern, rules


def proven_namespace(mesh: Mesh, proxy: Proxy, labels: Mapping[str, str]) -> str:
    """The namespace whose Secrets a router may have: its own, where it has proven that it is of
    it. That it is a router, and its labels, are its own word: where workloads are known that its
    Gateways select there, it has to run as one of their service accounts."""
    parsed = names.parse_spiffe_id(proxy.identity)
    if parsed is None or parsed[1] != proxy.namespace:
        return ""
    selectors = [g.selector for g in mesh.gateways if selects(g.selector, labels)]
    accounts = {
        found.service_account
        for key in (mesh.workload_keys.get(proxy.namespace, ()) if selectors else ())
        if (found := mesh.workloads.get(key)) is not None
        and any(selects(selector, found.labels) for selector in selectors)
    }
    return proxy.namespace if not accounts or parsed[2] in accounts else ""
