"""Sidecar (networking.istio.io): what the proxies of some workloads listen on and see."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from controlplane.kinds import hosts
from controlplane.kinds.fields import Address, Selector, Text
from controlplane.kinds.frames import Checked, Strict
from controlplane.kinds.ports import SidecarPort
from controlplane.kinds.problems import Problem, refuse, unserved


class CaptureMode(StrEnum):
    DEFAULT = "DEFAULT"
    IPTABLES = "IPTABLES"
    NONE = "NONE"


_ENDPOINT_ADDRESSES = ("127.0.0.1", "0.0.0.0", "[::1]", "[::]")


class WorkloadSelector(Strict):
    labels: Selector = Field(default_factory=dict)


def _egress_host(value: str) -> str:
    namespace, slash, host = value.partition("/")
    if not slash:
        why = "it has no namespace"
    elif namespace.startswith("~") and len(namespace) > 1:
        raise unserved("the exclusion of a namespace", "list the namespaces that are wanted")
    else:
        known = namespace in ("*", ".", "~")
        why = ("" if known else hosts.wrong_label(namespace)) or hosts.wrong_scoped_host(host)
    if why:
        raise refuse("Host", why, 'write "namespace/host", as in "./*" or "*/shop.example.com"')
    return value


def _bind(value: object) -> object:
    if isinstance(value, str) and value.startswith("unix://"):
        raise unserved("a listener on a Unix socket", "bind to an address")
    return value


Bind = Annotated[Address, BeforeValidator(_bind)]


class EgressListener(Checked):
    """What workloads may call; without a port it is the one for all ports that have none."""

    port: SidecarPort | None = None
    bind: Bind = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    hosts: Annotated[tuple[Annotated[Text, AfterValidator(_egress_host)], ...], Field(min_length=1)]

    def problems(self) -> Iterator[Problem]:
        if self.port is None and self.bind:
            yield Problem(
                ("bind",),
                "NeedsPort",
                "an address without a port is nothing to listen on",
                "add a port",
                self.bind,
            )
        if self.port is None and self.capture_mode is CaptureMode.NONE:
            yield Problem(
                ("captureMode",),
                "NeedsPort",
                "without capture the listener must say its port",
                "add a port",
                str(self.capture_mode),
            )


def _endpoint(value: str) -> str:
    if value.startswith("unix://"):
        raise unserved("an application on a Unix socket", "write an address and a port")
    address, colon, port = value.rpartition(":")
    good = port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535
    if not colon or address not in _ENDPOINT_ADDRESSES or not good:
        raise refuse(
            "Endpoint",
            "the application is at 127.0.0.1, 0.0.0.0, [::1] or [::] and a port",
            'write it as in "127.0.0.1:8080"',
        )
    return value


class IngressListener(Strict):
    """Where requests come in, and which port of the application they go to."""

    unserved: ClassVar = frozenset({"tls", "connectionPool"})

    port: SidecarPort
    bind: Bind = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    default_endpoint: Annotated[Text, AfterValidator(_endpoint)] = ""

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Address and port of the application; 0.0.0.0 is the workload's own address, None the
        same port."""
        address, _, port = self.default_endpoint.rpartition(":")
        return (address.strip("[]"), int(port)) if port else None


class OutboundTrafficPolicy(Strict):
    unserved: ClassVar = frozenset({"egressProxy"})

    mode: Literal["REGISTRY_ONLY", "ALLOW_ANY"] = "REGISTRY_ONLY"


class SidecarSpec(Checked):
    unserved: ClassVar = frozenset({"inboundConnectionPool"})

    workload_selector: WorkloadSelector | None = None
    ingress: tuple[IngressListener, ...] = ()
    egress: tuple[EgressListener, ...] = ()
    outbound_traffic_policy: OutboundTrafficPolicy | None = None

    @property
    def selector(self) -> Mapping[str, str] | None:
        """The labels of the workloads it is for; None: all of the namespace."""
        return self.workload_selector.labels if self.workload_selector else None

    @property
    def allow_any(self) -> bool:
        """Whether hosts that nobody knows may be called (the default of the mesh)."""
        policy = self.outbound_traffic_policy
        return policy is None or policy.mode == "ALLOW_ANY"

    def problems(self) -> Iterator[Problem]:
        if not self.ingress and not self.egress and self.outbound_traffic_policy is None:
            yield Problem(
                (), "Empty", "a Sidecar says something", "add egress, ingress or a traffic policy"
            )
        last = len(self.egress) - 1
        for place, listener in enumerate(self.egress):
            if listener.port is None and place != last:
                yield Problem(
                    ("egress", place),
                    "CatchAllFirst",
                    "the listener without a port catches all others and must be the last one",
                    "move it to the end, and keep one of its kind",
                )
        yield from _repeated("egress", [item.port for item in self.egress])
        yield from _repeated("ingress", [item.port for item in self.ingress])

    def remarks(self) -> Iterator[Problem]:
        for block in ("ingress", "egress"):
            for place, listener in enumerate(getattr(self, block)):
                if listener.port is not None:
                    for problem in listener.port.remarks():
                        yield problem._replace(path=(block, place, "port", *problem.path))


def _repeated(block: str, ports: list[SidecarPort | None]) -> Iterator[Problem]:
    seen: dict[int, int] = {}
    for place, port in enumerate(ports):
        if port is None:
            continue
        first = seen.setdefault(port.number, place)
        if first != place:
            yield Problem(
                (block, place, "port", "number"),
                "DuplicatePort",
                f"listener {first} has the same port",
                "give every listener a port of its own",
                port.number,
            )
