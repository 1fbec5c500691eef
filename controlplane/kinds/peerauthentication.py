"""PeerAuthentication (security.istio.io): mode DISABLE only, until there are certificates."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from controlplane.kinds.fields import Selector, Text
from controlplane.kinds.frames import Checked, Strict
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Problem, refuse

_LARGEST_PORT = 65535


def _mode(value: object) -> object:
    if value in ("UNSET", "PERMISSIVE", "STRICT"):
        raise refuse(
            "NotSupported", "certificates are not issued yet", "write mode DISABLE for now"
        )
    return value


class MutualTls(Strict):
    mode: Annotated[Literal["DISABLE"], BeforeValidator(_mode), Field(validate_default=True)] = (
        "UNSET"  # type: ignore[assignment]
    )


class PeerSelector(Strict):
    match_labels: Selector = Field(default_factory=dict)


class PeerAuthenticationSpec(Checked):
    selector: PeerSelector | None = None
    mtls: MutualTls | None = None
    port_level_mtls: Mapping[Text, MutualTls] | None = None

    def problems(self) -> Iterator[Problem]:
        if self.mtls is None and self.port_level_mtls is None:
            yield Problem(
                ("mtls",),
                "NotSupported",
                "without a mode the one above it is inherited, which is not served yet",
                "write mtls.mode: DISABLE",
            )
        if self.port_level_mtls is None:
            return
        if not self.port_level_mtls:
            yield Problem(("portLevelMtls",), "Empty", "it names no port", "add a port")
        if self.selector is None:
            yield Problem(
                ("portLevelMtls",),
                "NeedsSelector",
                "ports are those of selected workloads",
                "add a selector",
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
