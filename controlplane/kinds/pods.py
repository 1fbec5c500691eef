"""Pod of Kubernetes: who runs where, and whether it is ready."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from controlplane.kinds.fields import Address, PortNumber, Text
from controlplane.kinds.frames import Lenient


class PodSpec(BaseModel):
    """What is kept of a Pod. `ips` has the main address first; `ports` are named container ports.

    `deleted` says that its end has begun: it is not ready from then on.
    """

    model_config = ConfigDict(frozen=True)

    ips: tuple[str, ...] = ()
    phase: str = ""
    ready: bool = False
    deleted: bool = False
    service_account: str = "default"
    node: str = ""
    ports: Mapping[str, int] = Field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether its containers have stopped for good; its address may be another's."""
        return self.phase in ("Succeeded", "Failed")


class _ContainerPort(Lenient):
    name: Text = ""
    number: Annotated[PortNumber, Field(alias="containerPort")]


class _Container(Lenient):
    ports: tuple[_ContainerPort, ...] = ()


class _Spec(Lenient):
    service_account_name: Text = ""
    node_name: Text = ""
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()


class _Condition(Lenient):
    type: Text = ""
    status: Text = ""


class _PodIp(Lenient):
    ip: Annotated[Address, Field(alias="ip")]


class _PodStatus(Lenient):
    phase: Text = ""
    pod_ip: Annotated[Text, Field(alias="podIP")] = ""
    pod_ips: Annotated[tuple[_PodIp, ...], Field(alias="podIPs")] = ()
    conditions: tuple[_Condition, ...] = ()


class _PodMetadata(Lenient):
    deletion_timestamp: Text = ""


class PodDocument(Lenient):
    """A Pod as it is written."""

    metadata: _PodMetadata = _PodMetadata()
    spec: _Spec = _Spec()
    status: _PodStatus = _PodStatus()

    def value(self) -> PodSpec:
        status, spec = self.status, self.spec
        addresses = dict.fromkeys((status.pod_ip, *(item.ip for item in status.pod_ips)))
        ports = {
            port.name: port.number
            for container in (*spec.init_containers, *spec.containers)
            for port in container.ports
            if port.name
        }
        deleted = bool(self.metadata.deletion_timestamp)
        return PodSpec(
            ips=tuple(address for address in addresses if address),
            phase=status.phase,
            ready=not deleted
            and any(one.type == "Ready" and one.status == "True" for one in status.conditions),
            deleted=deleted,
            service_account=spec.service_account_name or "default",
            node=spec.node_name,
            ports=ports,
        )
