"""ServiceEntry and WorkloadEntry (networking.istio.io): services and workloads outside the cluster.

Endpoints are addresses: resolution STATIC only.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from controlplane.kinds import hosts
from controlplane.kinds.fields import (
    ExportTo,
    LabelMap,
    PortNumber,
    Selector,
    Text,
    UInt32,
    WildcardDomain,
)
from controlplane.kinds.frames import Checked, Strict
from controlplane.kinds.ports import NamedPort
from controlplane.kinds.problems import Problem, refuse, unserved


def _place(value: str) -> str:
    if value.startswith("unix://"):
        if not value.startswith(("unix:///", "unix://@")):
            raise refuse("Address", "the path of a socket is absolute", "begin it with unix:///")
        raise unserved("a workload on a Unix socket", "write an IP address")
    if hosts.is_address(value):
        return value
    if not hosts.wrong_domain(value, wildcard=False):
        raise unserved("a workload by its DNS name", "write its IP address")
    raise refuse("Address", "this is no IP address", "write an IPv4 or IPv6 address")


def _account(value: str) -> str:
    if "/" in value:
        raise refuse("Name", "the name of a service account has no slash", "write the name alone")
    return value


class WorkloadEntrySpec(Strict):
    """One workload: where it is, and its ports by the names of the service's ports."""

    unserved: ClassVar = frozenset({"network"})

    address: Annotated[Text, AfterValidator(_place)]
    ports: Mapping[Text, PortNumber] = Field(default_factory=dict)
    labels: LabelMap = Field(default_factory=dict)
    locality: Text = ""
    weight: UInt32 = 0
    service_account: Annotated[Text, AfterValidator(_account)] = ""


class EntryPort(NamedPort):
    target_port: PortNumber | None = None


def _entry_host(value: str) -> str:
    if value == "*":
        raise refuse("Host", "it would take every host", "name the host")
    return value


def _network(value: str) -> str:
    if not hosts.is_address(value) and not hosts.is_network(value):
        raise refuse("Address", "this is neither an address nor a network", "write an IP address")
    return value


def _resolution(value: object) -> object:
    if value in ("NONE", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"):
        raise unserved(f"resolution {value}", "write resolution STATIC, and list the endpoints")
    return value


class EntrySelector(Strict):
    labels: Selector = Field(default_factory=dict)


def _assigned(value: object) -> tuple[tuple[str, str], ...]:
    """(host, address) of each address that somebody gave the entry; what is malformed is not."""
    listed = value.get("addresses") if isinstance(value, Mapping) else None
    pairs = []
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Mapping):
            host, address = item.get("host", ""), item.get("value")
            if isinstance(host, str) and isinstance(address, str) and hosts.is_address(address):
                pairs.append((host, address))
    return tuple(pairs)


class ServiceEntrySpec(Checked):
    """`assigned` is what status.addresses says, by host ("" for all hosts)."""

    unserved: ClassVar = frozenset({"subjectAltNames"})

    hosts: Annotated[
        tuple[Annotated[WildcardDomain, AfterValidator(_entry_host)], ...], Field(min_length=1)
    ]
    addresses: tuple[Annotated[Text, AfterValidator(_network)], ...] = ()
    ports: tuple[EntryPort, ...] = ()
    location: Literal["MESH_EXTERNAL", "MESH_INTERNAL"] = "MESH_EXTERNAL"
    resolution: Annotated[
        Literal["STATIC"], BeforeValidator(_resolution), Field(validate_default=True)
    ] = "NONE"  # type: ignore[assignment]
    endpoints: tuple[WorkloadEntrySpec, ...] = ()
    workload_selector: EntrySelector | None = None
    export_to: ExportTo = ()
    assigned: Annotated[
        tuple[tuple[str, str], ...], PlainValidator(_assigned), Field(alias="status")
    ] = ()

    @property
    def external(self) -> bool:
        return self.location == "MESH_EXTERNAL"

    @property
    def selector(self) -> Mapping[str, str] | None:
        return self.workload_selector.labels if self.workload_selector else None

    def addresses_of(self, host: str) -> tuple[str, ...]:
        """The virtual addresses of one of the hosts: those written, else those assigned."""
        given = tuple(address for name, address in self.assigned if name in ("", host))
        return self.addresses or given

    def problems(self) -> Iterator[Problem]:
        if self.endpoints and self.workload_selector is not None:
            yield Problem(
                ("workloadSelector",),
                "OneOf",
                "the entry has endpoints of its own",
                "keep one of endpoints and workloadSelector",
            )
        yield from _repeated("number", [port.number for port in self.ports])
        yield from _repeated("name", [port.name for port in self.ports])
        names = {port.name for port in self.ports}
        for place, endpoint in enumerate(self.endpoints):
            for name in endpoint.ports:
                if name not in names:
                    yield Problem(
                        ("endpoints", place, "ports", name),
                        "UnknownPort",
                        "the entry has no port of this name",
                        "use the name of one of spec.ports",
                        name,
                    )

    def remarks(self) -> Iterator[Problem]:
        for place, port in enumerate(self.ports):
            for problem in port.remarks():
                yield problem._replace(path=("ports", place, *problem.path))


def _repeated(field: str, values: list[int] | list[str]) -> Iterator[Problem]:
    for place, value in enumerate(values):
        first = values.index(value)  # type: ignore[arg-type]
        if first != place:
            yield Problem(
                ("ports", place, field),
                "DuplicatePort",
                f"port {first} has the same {field}",
                f"give every port a {field} of its own",
                value,
            )
