"""Who has which address, and where files are. The YAML in config/ says the same of the Pods."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
REPOSITORY: Final = HERE.parents[1]
CONFIG: Final = HERE / "config"
STORY: Final = HERE / "story"

NAMESPACE: Final = "demo"
SERVICE_PORT: Final = 18080  # what clients call, at the client's sidecar and at the ingress
POD_PORT: Final = 18081  # where Pods are dialled
PROGRAM_PORT: Final = 18082  # where a program behind a sidecar listens
ADS: Final = ("127.0.0.1", 18010)  # plaintext, for people; no proxy calls it
SECURE: Final = ("127.0.0.1", 18012)
HTTP: Final = ("127.0.0.1", 18008)
METRICS: Final = ("127.0.0.1", 18014)
CERT_SECONDS: Final = 20  # so short that some are renewed while one watches
Address = tuple[str, int]


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Pod of the demo, with an Envoy; one without `version` runs no program of ours but the
    traffic."""

    name: str
    ip: str
    app: str
    version: str = ""

    @property
    def labels(self) -> dict[str, str]:
        version = {"version": self.version} if self.version else {}
        return {"app": self.app, **version, "security.istio.io/tlsMode": "istio"}

    @property
    def account(self) -> str:
        """Its service account."""
        return self.app

    @property
    def identity(self) -> str:
        return f"spiffe://cluster.local/ns/{NAMESPACE}/sa/{self.account}"

    @property
    def program(self) -> Address | None:
        """Where its program listens, behind the sidecar."""
        return (self.ip, PROGRAM_PORT) if self.version else None

    @property
    def entrance(self) -> Address:
        """What is called from outside: the Pod, or the way into the mesh."""
        return self.ip, POD_PORT if self.version else SERVICE_PORT


CLIENT: Final = Workload("client", "127.0.10.1", "client")
INGRESS: Final = Workload("ingress", "127.0.10.2", "ingress")
GREETER_V1: Final = Workload("greeter-v1", "127.0.10.11", "greeter", "v1")
GREETER_V2: Final = Workload("greeter-v2", "127.0.10.12", "greeter", "v2")
WEB: Final = Workload("web", "127.0.10.21", "web", "v1")
RESIDENTS: Final = (CLIENT, INGRESS, GREETER_V1, GREETER_V2, WEB)
NEWCOMER: Final = Workload("greeter-v1-b", "127.0.10.13", "greeter", "v1")  # comes and goes


def text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def addresses() -> Iterator[tuple[str, Address]]:
    """Everything that is listened on, with who does."""
    yield from (("meshpilot's ADS", ADS), ("meshpilot's secure port", SECURE))
    yield from (("meshpilot's HTTP", HTTP), ("meshpilot's metrics", METRICS))
    for workload in (*RESIDENTS, NEWCOMER):
        found = {workload.entrance} | ({workload.program} if workload.program else set())
        for address in sorted(found):
            yield workload.name, address


@dataclass(frozen=True, slots=True)
class Work:
    """The directory of one run, which is made anew by each."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def envoy(self) -> Path:
        return self.root / "envoy"

    @property
    def identity(self) -> Path:
        """Tokens and roots; private."""
        return self.root / "identity"

    @property
    def roots(self) -> Path:
        return self.identity / "roots.pem"

    @property
    def staging(self) -> Path:
        return self.root / "staging"


def envoy_binary() -> Path:
    """MESHPILOT_ENVOY, else what `make envoy` installed: the program itself, not its launcher."""
    configured = os.environ.get("MESHPILOT_ENVOY")
    if configured is not None:
        candidates = [Path(configured)]
    else:
        home = REPOSITORY / ".envoy"
        candidates = sorted(home.glob("lib/python*/site-packages/envoy/_bin/envoy"))
    for path in candidates:
        if os.access(path, os.X_OK) and path.is_file():
            return path
    where = f"at {configured} (MESHPILOT_ENVOY)" if configured is not None else "in .envoy"
    raise DemoError(f"there is no Envoy {where}: run make envoy")
