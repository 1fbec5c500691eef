"""What a Sidecar object says of the ways out: which hosts are seen, which listeners open."""

from controlplane.convergence.hosts import covers
from controlplane.convergence.records import EgressListener, Scope, ServiceId


def allows_any(scope: Scope | None) -> bool:
    """What the Sidecar, else the mesh's default, does with a destination that is not known."""
    return scope is None or scope.allow_any


def takes(egress: EgressListener, service: ServiceId) -> bool:
    """Whether the Sidecar's listener imports this service."""
    return any(
        namespace in ("*", service.namespace) and covers(pattern, service.hostname)
        for namespace, pattern in egress.hosts
    )


def opened(scope: Scope | None) -> set[int] | None:
    """The HTTP ports that the Sidecar's listeners open; None without a Sidecar that says so."""
    if scope is None or not scope.egress:
        return None
    return {e.port.number for e in scope.egress if e.port is not None and e.port.protocol.is_http}


def routed(scope: Scope | None, service: ServiceId, port: int) -> bool:
    """Whether a listener with this port takes the host: the one of this very port, else the one
    without a port."""
    if scope is None or not scope.egress:
        return True
    own = [e for e in scope.egress if e.port is not None and e.port.number == port]
    taking = own or [e for e in scope.egress if e.port is None]
    if not service.namespace:
        return any(covers(pattern, service.hostname) for e in taking for _, pattern in e.hosts)
    return any(takes(e, service) for e in taking)
