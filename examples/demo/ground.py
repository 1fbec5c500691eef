"""What must be there before anything starts: free addresses, files, and what each Envoy starts
from and proves itself with."""

import shutil
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from examples.demo import layout
from examples.demo.layout import NAMESPACE, SECURE, DemoError, Work, Workload, text
from sds.ca.files import replace
from sds.tokens import LocalTokens
from translators.bootstrap import Places, Proof, bootstrap, node_id
from translators.model import Interception, Proxy, ProxyType

SERVER_NAME: Final = "istiod.istio-system.svc"
TOKEN_SECONDS: Final = 86_400


def must_be_free() -> None:
    """Raise when one of the demo's addresses cannot be listened on."""
    for owner, address in layout.addresses():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                probe.listen()
            except OSError as error:
                raise DemoError(
                    f"{owner} cannot listen on {text(address)}: {error.strerror}. "
                    "Is another demo running? (`ss -ltnp` tells who it is)"
                ) from error


def prepare(work: Work) -> None:
    """An empty work directory with the configuration of the story's start."""
    directories = (work.config, work.logs, work.envoy, work.staging)
    private = (work.state, work.identity)
    for directory in (*directories, *private):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, mode=0o700 if directory in private else 0o777)
    for path in sorted(layout.CONFIG.glob("*.yaml")):
        shutil.copy(path, work.config)


def proof_of(work: Work, workload: Workload) -> Proof:
    """A token for `workload`, in a file of its own: what `meshpilot token` writes."""
    token = work.identity / f"{workload.name}.token"
    made = LocalTokens(work.state).issue(
        NAMESPACE, workload.account, seconds=TOKEN_SECONDS, now=datetime.now(UTC)
    )
    replace(token, made.encode("ascii"))
    return Proof(roots=str(work.roots), server_name=SERVER_NAME, token=str(token))


def bootstrap_of(workload: Workload, proof: Proof) -> Mapping[str, Any]:
    """How the Envoy of `workload` starts: what `meshpilot bootstrap` writes."""
    kind = ProxyType.ROUTER if workload is layout.INGRESS else ProxyType.SIDECAR
    proxy = Proxy(
        id=node_id(kind, ip=workload.ip, name=workload.name, namespace=NAMESPACE),
        type=kind,
        ip=workload.ip,
        name=workload.name,
        namespace=NAMESPACE,
        dns_domain=f"{NAMESPACE}.svc.cluster.local",
        ips=(workload.ip,),
        labels=workload.labels,
        service_account=workload.account,
        interception=Interception.NONE,
    )
    places = Places(discovery=SECURE, admin=("127.0.0.1", 0), proof=proof)
    return bootstrap(proxy, places, workload=workload.app)
