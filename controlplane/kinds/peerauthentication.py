"""PeerAuthentication (security.istio.io): what workloads' ports accept, plaintext or mutual TLS."""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from controlplane.kinds.fields import Selector, Text
from controlplane.kinds.frames import Checked, Strict
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Problem
from translators.model import PeerMode

_LARGEST_PORT = 65535


class MutualTls(Strict):
    """`mode` UNSET inherits what holds one level above."""

    mode: Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] = "UNSET"

    @property
    def written(self) -> PeerMode | None:
        """None: inherited."""
        return None if self.mode == "UNSET" else PeerMode(self.mode)


class PeerSelector(Strict):
    match_labels: Selector = Field(default_factory=dict)


class PeerAuthenticationSpec(Checked):
    selector: PeerSelector | None = None
    mtls: MutualTls | None = None
    port_level_mtls: Mapping[Text, MutualTls] | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        """Of the workloads it is for; empty for all of its namespace."""
        return self.selector.match_labels if self.selector is not None else {}

    @property
    def mode(self) -> PeerMode | None:
        return self.mtls.written if self.mtls is not None else None

    @property
    def ports(self) -> Mapping[int, PeerMode | None]:
        """By the workload's port."""
        return {int(port): tls.written for port, tls in (self.port_level_mtls or {}).items()}

    def problems(self) -> Iterator[Problem]:
        if self.port_level_mtls is None:
            return
        if not self.port_level_mtls:
            yield Problem(("portLevelMtls",), "Empty", "it names no port", "add a port")
        if not self.labels:
            yield Problem(
                ("portLevelMtls",),
                "NeedsSelector",
                "ports are those of selected workloads",
                "add a selector with labels",
            )
        for port in self.port_level_mtls:
            good = port.isascii() and port.isdigit() and len(port) <= 5
            if not good or not 1 <= int(port) <= _LARGEST_PORT:
                yield Problem(
                    ("portLevelMtls", port),
                    "OutOfRange",
                    f"a port is from 1 to {_LARGEST_PORT}",
                    "write the number of a port",
                    port,
                )

    def remarks(self) -> Iterator[Problem]:
        if self.selector is not None and not self.selector.match_labels:
            yield Problem(
                ("selector",),
                "EmptySelector",
                "a selector without labels selects every workload",
                "remove it, or add labels",
                severity=Severity.WARNING,
            )
