"""Which Secrets a router is given, by the SDS names that its listeners and clusters ask for."""

from collections.abc import Iterator, Mapping

from controlplane.convergence import secrets
from controlplane.convergence.gateways import proven_namespace
from controlplane.convergence.grouping import labels_of
from controlplane.convergence.records import HostPolicy
from controlplane.convergence.world import Mesh
from translators import names
from translators.model import (
    Proxy,
    ProxyType,
    SecretContent,
    TlsMode,
    TrafficPolicy,
    selects,
)


def secrets_of(mesh: Mesh, proxy: Proxy) -> Mapping[str, SecretContent]:
    """What `proxy` is to be given: nothing unless it is a router that has proven who it is, and
    then Secrets of its own namespace only."""
    if proxy.type is not ProxyType.ROUTER:
        return {}
    labels = labels_of(mesh, proxy)
    namespace = proven_namespace(mesh, proxy, labels)
    if not namespace:
        return {}
    return {
        name: content
        for name in dict.fromkeys((*_asked(mesh, labels), *_presented(mesh)))
        if (content := secrets.content(mesh.secrets, name, namespace)) is not None
    }


def _asked(mesh: Mesh, labels: Mapping[str, str]) -> Iterator[str]:
    for gateway in mesh.gateways:
        if selects(gateway.selector, labels):
            for server in gateway.servers:
                yield from secrets.asked(server.tls).all


def _presented(mesh: Mesh) -> Iterator[str]:
    """What DestinationRules name: a router presents it to servers, or verifies them with it."""
    for host in mesh.policies.values():
        for policy in _policies(host):
            if policy.tls is not None and policy.tls.credential:
                if policy.tls.mode is TlsMode.MUTUAL:
                    yield names.credential(policy.tls.credential)
                yield names.credential(policy.tls.credential, roots=True)


def _policies(host: HostPolicy) -> Iterator[TrafficPolicy]:
    for policy in (host.policy, *host.ports.values()):
        if policy is not None:
            yield policy
    for subset in host.subsets.values():
        for policy in (subset.policy, *subset.ports.values()):
            if policy is not None:
                yield policy
