"""Builds the secure port and all behind it from settings, starts it and stops it."""

import asyncio
import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Final

from controlplane import telemetry
from controlplane.secure.callers import Proven
from controlplane.secure.certificates import SERVICE, CertificateService
from controlplane.secure.front import Front
from controlplane.secure.keyring import Keyring
from controlplane.secure.port import SecurePort
from controlplane.secure.serving import ServerCertificate, server_names
from controlplane.secure.trust import Trust
from controlplane.settings import Settings, host_and_port
from controlplane.tasks import Clock, spawn
from controlplane.xds import server as ads
from controlplane.xds.grpcserver import Limits as GrpcLimits
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.server import AdsServer
from sds.attest import Attestor, CertificateAttestor, LocalTokens, TokenAttestor
from sds.ca.material import Source
from sds.ca.plugged import Plugged
from sds.ca.selfsigned import Kind, SelfSigned
from sds.issuer import Issuer, Limits
from sds.lifecycle import spread
from sds.rotation import RotatingAuthority
from sds.template import Lifetimes

# what one process can sign; a deployment is one identity, and asks for all its replicas at once
_LIMITS: Final = Limits(per_identity=2_000, burst=4_000, overall=5_000, overall_burst=20_000)
_ALWAYS: Final = ("127.0.0.1", "::1")
_ANY: Final = frozenset({"0.0.0.0", "::"})


@dataclass(slots=True, eq=False)
class Secure:
    """Everything about identity, in one process."""

    settings: Settings
    keyring: Keyring
    trust: Trust
    attestors: tuple[Attestor, ...]
    tokens: LocalTokens
    issuer: Issuer
    _front: Front
    _serving: ServerCertificate
    _metrics: telemetry.Telemetry
    _port: SecurePort | None = None

    async def start(self, server: AdsServer) -> int:
        """Open the secure port, behind which `server` serves too; the port that was bound.

        Raises OSError when that cannot be.
        """
        callers = Proven(
            self._front,
            self.attestors,
            self._metrics,
            socket=self.settings.secure_socket is not None,
        )
        service = CertificateService(self.issuer, callers=callers, metrics=self._metrics)
        self._port = SecurePort(
            self._front,
            limits=GrpcLimits(),
            handlers=(server.aggregated(callers), server.secrets(callers), service.handler()),
            services=(ads.SERVICE, ads.SECRET_SERVICE, SERVICE),
            path=self.settings.secure_socket,
        )
        self.trust.step()
        await self._serving.start()
        return await self._port.start(self.settings.secure_address)

    async def stop(self) -> None:
        if self._port is not None:
            await self._port.stop()

    def run(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """What goes on for as long as the process lives."""
        tasks = [
            spawn(group, "keyring", self.keyring.run()),
            spawn(group, "trust", self.trust.run()),
            spawn(group, "serving", self._serving.run()),
        ]
        if self.settings.ca_dir is not None:
            tasks.append(spawn(group, "ca-files", self.trust.watch(self.settings.ca_dir)))
        return tasks


def build(
    settings: Settings,
    hub: Hub,
    *,
    clock: Clock,
    metrics: telemetry.Telemetry,
    renewed: Callable[[Seat], None],
) -> Secure:
    """Raises OSError, MaterialError or StateError where the CA's files cannot be used."""
    now = clock.now
    authority = RotatingAuthority(
        _source(settings, clock), state=settings.state_dir, clock=now, random=os.urandom
    )
    issuer = Issuer(
        authority,
        clock=now,
        random=os.urandom,
        trust_domain=settings.trust_domain,
        limits=_LIMITS,
        lifetimes=Lifetimes(
            default=timedelta(seconds=settings.workload_ttl),
            maximum=timedelta(seconds=settings.max_workload_ttl),
        ),
    )
    # processes that start together renew apart from each other
    rolls = partial(_roll, count(), int.from_bytes(os.urandom(4), "big") / 2**32)
    keyring = Keyring(issuer, authority, clock=clock, roll=rolls, metrics=metrics, renewed=renewed)
    names, addresses = _names(settings)
    serving = ServerCertificate(
        issuer,
        authority,
        names=names,
        addresses=addresses,
        clock=clock,
        roll=rolls,
        metrics=metrics,
    )
    front = Front(serving.presented, now=now)
    serving.changed = front.renew
    domains = (settings.trust_domain, *settings.trust_domain_aliases)
    tokens = LocalTokens(settings.state_dir)
    return Secure(
        settings=settings,
        keyring=keyring,
        trust=Trust(authority, keyring, hub, clock=clock),
        attestors=(
            CertificateAttestor(domains, clock=now),
            TokenAttestor(tokens, trust_domain=settings.trust_domain, clock=now),
        ),
        tokens=tokens,
        issuer=issuer,
        _front=front,
        _serving=serving,
        _metrics=metrics,
    )


def _roll(numbers: "count[int]", start: float) -> float:
    return spread(next(numbers), start)


def _source(settings: Settings, clock: Clock) -> Source:
    if settings.ca_dir is not None:
        return Plugged(settings.ca_dir, clock=clock.now)
    return SelfSigned(
        Kind(settings.trust_domain), state=settings.state_dir, clock=clock.now, random=os.urandom
    )


def _names(settings: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """DNS names and IP addresses of the secure port's certificate."""
    given = [*settings.secure_names, host_and_port(settings.secure_address)[0]]
    addresses = [*_ALWAYS, *(name for name in given if _is_ip(name) and name not in _ANY)]
    names = [name for name in given if name and not _is_ip(name)]
    return (
        server_names(settings.root_namespace, names),
        tuple(dict.fromkeys(addresses)),
    )


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
