from pathlib import Path

import pytest
import yaml

from examples.demo.layout import (
    CLIENT,
    CONFIG,
    GREETER_V1,
    INGRESS,
    NAMESPACE,
    NEWCOMER,
    POD_PORT,
    PROGRAM_PORT,
    RESIDENTS,
    SERVICE_PORT,
    STORY,
    WEB,
    DemoError,
    Workload,
    addresses,
    envoy_binary,
)


def written(path: Path) -> dict[str, object]:
    pod = yaml.safe_load(path.read_text())
    metadata = pod["metadata"]
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "labels": metadata["labels"],
        "ip": pod["status"]["podIP"],
        "account": pod["spec"]["serviceAccountName"],
    }


def laid_out(workload: Workload) -> dict[str, object]:
    return {
        "name": workload.name,
        "namespace": NAMESPACE,
        "labels": workload.labels,
        "ip": workload.ip,
        "account": workload.account,
    }


@pytest.mark.parametrize("workload", RESIDENTS, ids=lambda w: w.name)
def test_the_layout_is_what_the_pods_say(workload: Workload) -> None:
    assert laid_out(workload) == written(CONFIG / f"pod-{workload.name}.yaml")


@pytest.mark.parametrize("state", ["starting", "ready", "leaving"])
def test_the_newcomer_is_the_same_pod_in_every_state(state: str) -> None:
    assert laid_out(NEWCOMER) == written(STORY / "6-backend" / f"{state}.yaml")


def test_nobody_is_forgotten() -> None:
    assert {path.name for path in CONFIG.glob("pod-*.yaml")} == {
        f"pod-{workload.name}.yaml" for workload in RESIDENTS
    }


def test_ports_are_those_of_the_written_objects() -> None:
    for service in yaml.safe_load_all((CONFIG / "services.yaml").read_text()):
        [port] = service["spec"]["ports"]
        assert (port["port"], port["targetPort"]) == (SERVICE_PORT, POD_PORT)
    client, *servers = yaml.safe_load_all((CONFIG / "sidecars.yaml").read_text())
    [egress] = client["spec"]["egress"]
    assert (egress["bind"], egress["port"]["number"]) == CLIENT.entrance
    assert [one["metadata"]["name"] for one in servers] == ["greeter", "web"]
    for server in servers:
        [ingress] = server["spec"]["ingress"]
        assert ingress["port"]["number"] == POD_PORT
        assert ingress["defaultEndpoint"] == f"0.0.0.0:{PROGRAM_PORT}"
    [server] = yaml.safe_load((CONFIG / "gateway.yaml").read_text())["spec"]["servers"]
    assert (server["bind"], server["port"]["number"]) == INGRESS.entrance


def test_a_program_listens_behind_its_sidecar() -> None:
    assert GREETER_V1.entrance == (GREETER_V1.ip, POD_PORT)
    assert GREETER_V1.program == (GREETER_V1.ip, PROGRAM_PORT)
    assert WEB.program == (WEB.ip, PROGRAM_PORT)
    assert CLIENT.program is None


def test_every_workload_says_that_it_takes_mutual_tls_and_who_it_is() -> None:
    for workload in (*RESIDENTS, NEWCOMER):
        assert workload.labels["security.istio.io/tlsMode"] == "istio"
    assert INGRESS.identity == "spiffe://cluster.local/ns/demo/sa/ingress"


def test_no_address_is_given_twice_and_all_are_loopback() -> None:
    found = [address for _, address in addresses()]
    assert len(found) == len(set(found))
    assert all(host.startswith("127.") and 1024 < port < 32768 for host, port in found)


def test_a_missing_envoy_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHPILOT_ENVOY", "/nowhere/envoy")
    with pytest.raises(DemoError, match="make envoy"):
        envoy_binary()


def test_envoy_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "envoy"
    program.touch(mode=0o755)
    monkeypatch.setenv("MESHPILOT_ENVOY", str(program))
    assert envoy_binary() == program
