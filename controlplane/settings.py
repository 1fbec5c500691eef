"""What can be set: flags become one frozen Settings, and nothing below app reads any."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ADS_PORT = 15010
HTTP_PORT = 8080
METRICS_PORT = 15014
SECURE_PORT = 15012
_SHORT_TTL = 3600.0
_SHORTEST_TTL = 2.0  # what is renewed at half of its life needs some of it


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses are host:port, port 0 for any free one. Times are seconds.

    missing_destination  "hold" keeps the last good state, "istio" sends what is written
    weights              "exact" wants sums of 100, "relative" takes any, as modern Istio does
    switch_wait          how long servers accept plaintext and mutual TLS while their mode changes
                         and a proxy has not acknowledged it
    ready_wait           how long a newly named destination may be without a ready endpoint
    stage_wait           how long additions and routes wait for the ACK of what they need
    drain                how long a replaced listener's clusters stay (Envoy's --drain-time-s)
    secure_socket        a Unix socket beside the secure port, for proxies of this machine
    secure_names         names for the certificate of the secure port, besides Istio's
    ca_dir               a CA that was made elsewhere (Istio's cacerts, or cert-manager's files)
    workload_ttl, max_workload_ttl  how long certificates last, and at most
    """

    config_dir: Path
    state_dir: Path | None = None
    ads_address: str = f"127.0.0.1:{ADS_PORT}"
    http_address: str = f"0.0.0.0:{HTTP_PORT}"
    metrics_address: str = f"0.0.0.0:{METRICS_PORT}"
    missing_destination: Literal["hold", "istio"] = "hold"
    weights: Literal["exact", "relative"] = "exact"
    domain: str = "cluster.local"
    root_namespace: str = "istio-system"
    ready_wait: float = 10.0
    stage_wait: float = 5.0
    drain: float = 45.0
    switch_wait: float = 15.0
    log_level: str = "info"
    secure_address: str = f"0.0.0.0:{SECURE_PORT}"
    secure_socket: Path | None = None
    secure_names: tuple[str, ...] = ()
    ca_dir: Path | None = None
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    auto_mtls: bool = True
    workload_ttl: float = 24 * 3600.0
    max_workload_ttl: float = 90 * 24 * 3600.0

    @property
    def connection_lifetime(self) -> float | None:
        """Seconds that HTTP connections of the mesh last. Where certificates last for minutes,
        connections may not outlive them: they are renewed at half of their life."""
        return self.workload_ttl / 4 if self.workload_ttl <= _SHORT_TTL else None

    def __post_init__(self) -> None:
        for name in ("workload_ttl", "max_workload_ttl"):
            if getattr(self, name) < _SHORTEST_TTL:
                raise ValueError(f"{name} is a time of at least {_SHORTEST_TTL:g} seconds")
        if self.workload_ttl > self.max_workload_ttl:
            raise ValueError("workload_ttl may not be longer than max_workload_ttl")
        for name in ("ready_wait", "stage_wait", "drain", "switch_wait"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is a time in seconds and may not be negative")


def host_and_port(address: str) -> tuple[str, int]:
    """`address` taken apart; [::1]:80 for IPv6. Raises ValueError with what is wrong."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f'"{address}" is no address: write host:port, as in 127.0.0.1:15010')
    return host.strip("[]"), int(port)
