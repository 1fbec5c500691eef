"""Namespace, Service and EndpointSlice of Kubernetes: what a mesh reads of them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from controlplane.kinds import hosts
from controlplane.kinds.fields import Address, Flag, PortNumber, Text
from controlplane.kinds.frames import Lenient
from controlplane.kinds.ports import unknown_protocol
from controlplane.kinds.problems import Problem, refuse
from controlplane.kinds.protocols import protocol_of
from translators.model import Protocol

HEADLESS = "None"
Transport = Literal["TCP", "UDP", "SCTP"]


class NamespaceSpec(Lenient):
    """Its labels are all there is."""


def _virtual(value: str) -> str:
    if value not in ("", HEADLESS) and not hosts.is_address(value):
        raise refuse("Address", "this is no IP address", 'write an address, "None" or nothing')
    return value


VirtualAddress = Annotated[Text, AfterValidator(_virtual)]


class ServicePort(Lenient):
    """`target_port` is a number or the name of a container port; what nobody names a protocol for
    is detected."""

    port: PortNumber
    name: Text = ""
    target_port: PortNumber | Text | None = None
    transport: Annotated[Transport, Field(alias="protocol")] = "TCP"
    app_protocol: Text = ""

    @property
    def named(self) -> Protocol | None:
        """The protocol that name or appProtocol give."""
        if self.transport != "TCP":
            return Protocol.UDP
        return protocol_of(self.name, self.app_protocol, self.port)

    @property
    def protocol(self) -> Protocol:
        return self.named or Protocol.DETECTED


class ServiceSpec(Lenient):
    """`addresses`: virtual addresses; none for headless ones and where none was given."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    cluster_ip: Annotated[VirtualAddress, Field(alias="clusterIP")] = ""
    more_ips: Annotated[tuple[VirtualAddress, ...], Field(alias="clusterIPs")] = ()
    external_name: Text = ""
    selector: Mapping[Text, Text] = Field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    publish_not_ready_addresses: Flag = False

    @property
    def headless(self) -> bool:
        return self.cluster_ip == HEADLESS

    @property
    def addresses(self) -> tuple[str, ...]:
        given = dict.fromkeys((self.cluster_ip, *self.more_ips))
        return tuple(address for address in given if address not in ("", HEADLESS))

    def remarks(self) -> Iterator[Problem]:
        for place, port in enumerate(self.ports):
            if port.named is None:
                yield unknown_protocol(("ports", place))


class SliceConditions(Lenient):
    """Absent means: ready, and not terminating."""

    ready: Flag = True
    serving: Flag = True
    terminating: Flag = False


class TargetRef(Lenient):
    kind: Text = ""
    namespace: Text = ""
    name: Text = ""


class SliceEndpoint(Lenient):
    addresses: tuple[Address, ...]
    conditions: SliceConditions = SliceConditions()
    target_ref: TargetRef | None = None
    hostname: Text = ""
    node_name: Text = ""
    zone: Text = ""

    @property
    def ready(self) -> bool:
        return self.conditions.ready

    @property
    def terminating(self) -> bool:
        return self.conditions.terminating

    @property
    def pod(self) -> str:
        """The name of the Pod behind it, or ""."""
        return self.target_ref.name if self.target_ref and self.target_ref.kind == "Pod" else ""


class SlicePort(Lenient):
    """`port` None: all ports."""

    name: Text = ""
    port: PortNumber | None = None
    transport: Annotated[Transport, Field(alias="protocol")] = "TCP"
    app_protocol: Text = ""


class SliceMetadata(Lenient):
    labels: Mapping[Text, Text] = Field(default_factory=dict)


class EndpointSliceSpec(Lenient):
    """Endpoints of the service that the label kubernetes.io/service-name names."""

    metadata: SliceMetadata = SliceMetadata()
    address_type: Literal["IPv4", "IPv6"]
    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[SlicePort, ...] = ()

    @property
    def service(self) -> str:
        """The name of the service, or ""."""
        return self.metadata.labels.get("kubernetes.io/service-name", "")
