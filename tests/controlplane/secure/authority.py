"""What signs in these tests: a root of its own, on a clock that is stepped."""

import os
from dataclasses import dataclass, field
from datetime import timedelta

from controlplane.telemetry import Telemetry
from sds.ca.selfsigned import Kind, SelfSigned
from sds.issuer import Issuer
from sds.rotation import RotatingAuthority
from sds.template import Lifetimes
from tests.fakes.authorities import Moody
from tests.fakes.clocks import Stepped


@dataclass
class Signing:
    """An issuer whose certificates last `ttl` seconds, and all behind it."""

    ttl: float = 3600.0
    clock: Stepped = field(default_factory=Stepped)
    metrics: Telemetry = field(default_factory=Telemetry)

    def __post_init__(self) -> None:
        now = self.clock.now
        source = SelfSigned(Kind("cluster.local"), state=None, clock=now, random=os.urandom)
        self.authority = RotatingAuthority(source, state=None, clock=now, random=os.urandom)
        self.moody = Moody(self.authority)
        self.issuer = Issuer(
            self.moody,
            clock=now,
            random=os.urandom,
            trust_domain="cluster.local",
            lifetimes=Lifetimes(default=timedelta(seconds=self.ttl)),
        )

    @staticmethod
    def roll() -> float:
        return 0.0
