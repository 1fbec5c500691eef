"""What can be set: flags become one frozen Settings, and nothing below app reads any."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ADS_PORT = 15010
HTTP_PORT = 8080
METRICS_PORT = 15014


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses are host:port, port 0 for any free one. Times are seconds.

    missing_destination  "hold" keeps the last good state, "istio" sends what is written
    weights              "exact" wants sums of 100, "relative" takes any, as modern Istio does
    ready_wait           how long a newly named destination may be without a ready endpoint
    stage_wait           how long additions and routes wait for the ACK of what they need
    drain                how long a replaced listener's clusters stay (Envoy's --drain-time-s)
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
    log_level: str = "info"

    def __post_init__(self) -> None:
        for name in ("ready_wait", "stage_wait", "drain"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is a time in seconds and may not be negative")


def host_and_port(address: str) -> tuple[str, int]:
    """`address` taken apart; [::1]:80 for IPv6. Raises ValueError with what is wrong."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f'"{address}" is no address: write host:port, as in 127.0.0.1:15010')
    return host.strip("[]"), int(port)
