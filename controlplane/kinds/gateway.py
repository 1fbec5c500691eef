"""Gateway (networking.istio.io): the ports that router proxies listen on, HTTP for now."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from controlplane.kinds import hosts
from controlplane.kinds.fields import Address, Text
from controlplane.kinds.frames import Checked, Strict
from controlplane.kinds.ports import GatewayPort
from controlplane.kinds.problems import Problem, refuse


def _server_host(value: str) -> str:
    namespace, slash, host = value.rpartition("/")
    why = hosts.wrong_scoped_host(host)
    if slash and namespace not in ("*", "."):
        why = why or hosts.wrong_label(namespace)
    if why:
        raise refuse("Host", why, 'write a full host name, "*", or "namespace/host"')
    return value


ServerHost = Annotated[Text, AfterValidator(_server_host)]


class Server(Strict):
    unserved: ClassVar = frozenset({"tls", "defaultEndpoint"})

    port: GatewayPort
    hosts: Annotated[tuple[ServerHost, ...], Field(min_length=1)]
    bind: Address = ""
    name: Text = ""


class GatewaySpec(Checked):
    """Bound to the router proxies that have all labels of `selector`."""

    selector: Mapping[Text, Text] = Field(default_factory=dict)
    servers: tuple[Server, ...] = ()

    def problems(self) -> Iterator[Problem]:
        if not self.servers:
            yield Problem(("servers",), "Required", "a gateway has a server", "add a server")
        seen: dict[str, int] = {}
        for place, server in enumerate(self.servers):
            first = seen.setdefault(server.port.name, place)
            if first != place:
                yield Problem(
                    ("servers", place, "port", "name"),
                    "DuplicatePort",
                    f"server {first} has a port of the same name",
                    "give every port a name of its own",
                    server.port.name,
                )
