import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples.demo import layout
from examples.demo.ground import bootstrap_of, must_be_free, prepare, proof_of
from examples.demo.layout import CLIENT, CONFIG, INGRESS, SECURE, DemoError, Work
from sds.tokens import LocalTokens
from translators.bootstrap import Proof

PROOF = Proof("/roots.pem", "istiod.istio-system.svc", "/token")


def test_a_sidecar_starts_as_its_pod_without_capture() -> None:
    node = bootstrap_of(CLIENT, PROOF)["node"]
    assert node["id"] == "sidecar~127.0.10.1~client.demo~demo.svc.cluster.local"
    assert node["metadata"]["INTERCEPTION_MODE"] == "NONE"
    assert node["metadata"]["LABELS"] == CLIENT.labels
    assert node["metadata"]["SERVICE_ACCOUNT"] == "client"
    assert node["metadata"]["PROXY_CONFIG"]["discoveryAddress"] == f"{SECURE[0]}:{SECURE[1]}"


def test_the_ingress_is_a_router() -> None:
    assert bootstrap_of(INGRESS, PROOF)["node"]["id"].startswith("router~127.0.10.2~")


def test_an_envoy_reaches_the_control_plane_over_tls_alone() -> None:
    [discovery] = bootstrap_of(CLIENT, PROOF)["static_resources"]["clusters"]
    assert discovery["transport_socket"]["name"] == "envoy.transport_sockets.tls"
    assert f'"port_value": {SECURE[1]}' in json.dumps(discovery)


def test_a_token_is_its_workloads_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    work = Work(tmp_path)
    prepare(work)
    proof = proof_of(work, INGRESS)
    token = Path(proof.token)
    assert token.stat().st_mode & 0o777 == 0o600
    for private in (work.identity, work.state):
        assert private.stat().st_mode & 0o777 == 0o700
    verified = LocalTokens(work.state).verify(token.read_text(), datetime.now(UTC))
    assert verified == ("demo", "ingress")
    assert token.read_text() not in json.dumps(bootstrap_of(INGRESS, proof))


def test_a_taken_address_is_said_with_whom_it_was_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = taken.getsockname()
        monkeypatch.setattr(layout, "addresses", lambda: iter([("the ingress", address)]))
        with pytest.raises(DemoError, match=f"the ingress cannot listen on 127.0.0.1:{address[1]}"):
            must_be_free()
    must_be_free()


def test_each_run_begins_with_the_configuration_of_the_storys_start(tmp_path: Path) -> None:
    work = Work(tmp_path / ".demo")
    work.config.mkdir(parents=True)
    (work.config / "of-the-last-run.yaml").touch()
    prepare(work)
    assert {p.name for p in work.config.iterdir()} == {p.name for p in CONFIG.glob("*.yaml")}
    assert list(work.state.iterdir()) == list(work.logs.iterdir()) == []
