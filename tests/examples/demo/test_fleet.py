import socket
from pathlib import Path

import pytest

from examples.demo import layout
from examples.demo.fleet import bootstrap_of, must_be_free, prepare
from examples.demo.layout import ADS, CLIENT, CONFIG, INGRESS, DemoError, Work


def test_a_sidecar_starts_as_its_pod_without_capture() -> None:
    node = bootstrap_of(CLIENT)["node"]
    assert node["id"] == "sidecar~127.0.10.1~client.demo~demo.svc.cluster.local"
    assert node["metadata"]["INTERCEPTION_MODE"] == "NONE"
    assert node["metadata"]["LABELS"] == {"app": "client"}
    assert node["metadata"]["PROXY_CONFIG"]["discoveryAddress"] == f"{ADS[0]}:{ADS[1]}"


def test_the_ingress_is_a_router() -> None:
    assert bootstrap_of(INGRESS)["node"]["id"].startswith("router~127.0.10.2~")


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
