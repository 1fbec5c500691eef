"""Gateway (networking.istio.io): the ports that router proxies listen on, HTTP and HTTPS."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from controlplane.kinds import hosts
from controlplane.kinds.fields import Address, Text
from controlplane.kinds.frames import Checked
from controlplane.kinds.objects import Severity
from controlplane.kinds.ports import GatewayPort
from controlplane.kinds.problems import Problem, refuse
from controlplane.kinds.servertls import TlsFrame
from translators.model import Protocol

_TLS = frozenset({Protocol.HTTPS, Protocol.TLS})


def _server_host(value: str) -> str:
    namespace, slash, host = value.rpartition("/")
    why = hosts.wrong_scoped_host(host)
    if slash and namespace not in ("*", "."):
        why = why or hosts.wrong_label(namespace)
    if why:
        raise refuse("Host", why, 'write a full host name, "*", or "namespace/host"')
    return value


ServerHost = Annotated[Text, AfterValidator(_server_host)]


class Server(Checked):
    unserved: ClassVar = frozenset({"defaultEndpoint"})

    port: GatewayPort
    hosts: Annotated[tuple[ServerHost, ...], Field(min_length=1)]
    bind: Address = ""
    name: Text = ""
    tls: TlsFrame | None = None

    @property
    def served(self) -> bool:
        """Whether HTTP comes of it. Other bytes are passed on by tls and tcp routes."""
        if self.port.protocol is Protocol.HTTPS:
            return self.tls is not None and self.tls.mode.terminates
        return self.port.protocol is not Protocol.TLS

    def problems(self) -> Iterator[Problem]:
        secure = self.port.protocol in _TLS
        if secure and self.tls is None:
            yield Problem(
                ("tls",),
                "Required",
                f"a port of protocol {self.port.protocol} needs to know what TLS to speak",
                "add tls with a mode, and credentialName",
            )
        elif not secure and self.tls is not None and not self.tls.plain:
            yield Problem(
                ("tls",),
                "NotAllowed",
                f"a port of protocol {self.port.protocol} speaks no TLS",
                "write protocol HTTPS, or keep httpsRedirect alone",
            )

    def remarks(self) -> Iterator[Problem]:
        if self.tls is None:
            return
        for remark in self.tls.remarks():
            yield remark._replace(path=("tls", *remark.path))
        if self.tls.https_redirect and self.port.protocol in _TLS:
            yield Problem(
                ("tls", "httpsRedirect"),
                "Ineffective",
                "callers of this port speak TLS already",
                "write it on the plaintext port",
                True,
                Severity.WARNING,
            )
        if not self.served:
            yield Problem(
                ("tls", "mode"),
                "NotSupported",
                f"a server of protocol {self.port.protocol} with mode {self.tls.mode} needs tls or "
                "tcp routes of a VirtualService, which are not served yet: the router does not "
                "listen for it; the other servers go on",
                "write protocol HTTPS with mode SIMPLE or MUTUAL, or wait",
                str(self.tls.mode),
                Severity.WARNING,
            )


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

    def remarks(self) -> Iterator[Problem]:
        for place, server in enumerate(self.servers):
            for remark in server.remarks():
                yield remark._replace(path=("servers", place, *remark.path))
