"""`meshpilot ads` against a control plane in this process."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cli import app
from tests.fakes import shop
from tests.features.client import until
from tests.features.mesh import Mesh, documents, running

WEB = f"outbound|9080|{{}}|{shop.HOST}"


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        await made.put(*documents())
        yield made


async def invoke(mesh: Mesh, *arguments: str, proxy: str = "cart-1.shop") -> Result:
    command = ["ads", f"127.0.0.1:{mesh.port}", "--proxy", proxy, *arguments]
    return await asyncio.to_thread(CliRunner().invoke, app, command)


def mistake(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["ads", "127.0.0.1:1", *arguments])
    assert result.exit_code == 2, result.output
    # the box around it breaks lines
    return " ".join(result.output.replace("│", " ").split())


async def test_it_follows_references_and_lists_what_it_holds(mesh: Mesh) -> None:
    result = await invoke(mesh)
    assert result.exit_code == 0, result.output
    assert "CDS  6 resources" in result.output
    assert "EDS  3 resources" in result.output
    assert "RDS  1 resource " in result.output
    assert f"  {WEB.format('v1')}  " in result.output


@pytest.mark.parametrize("variant", ["--delta", "--sotw"])
async def test_a_type_without_names_is_learned_from_what_refers_to_it(
    mesh: Mesh, variant: str
) -> None:
    result = await invoke(mesh, variant, "--type", "eds", "-o", "json")
    assert result.exit_code == 0, result.output
    (shown,) = json.loads(result.stdout).items()
    assert shown[0] == "ClusterLoadAssignment"
    assert {one["name"] for one in shown[1]} == {WEB.format(n) for n in ("", "v1", "v2")}


async def test_a_resource_by_name_as_yaml(mesh: Mesh) -> None:
    url = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    result = await invoke(mesh, "--type", url, "--name", "9080", "-o", "yaml")
    assert result.exit_code == 0, result.output
    (table,) = yaml.safe_load(result.stdout)["RouteConfiguration"]
    assert table["name"] == "9080"
    assert table["version"]
    assert table["resource"]["@type"] == url


async def test_a_grpc_client_by_its_metadata(mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text('{"GENERATOR": "grpc"}')
    arguments = ["--metadata-file", str(tmp_path / "metadata.json"), "--sotw", "-o", "json"]
    result = await invoke(mesh, *arguments, "--type", "lds", "--name", "web:9080")
    (listener,) = json.loads(result.stdout)["Listener"]
    assert "api_listener" in listener["resource"]


async def test_a_type_that_nobody_answers_fails(mesh: Mesh) -> None:
    result = await invoke(mesh, "--type", "nds", "--timeout", "0.2")
    assert result.exit_code == 1
    assert "no answer for NameTable within 0.2 s" in result.stderr


async def test_a_name_that_is_not_there_is_said(mesh: Mesh) -> None:
    result = await invoke(mesh, "--type", "rds", "--name", "nope")
    assert result.exit_code == 0
    assert "not there: RouteConfiguration nope" in result.stderr


async def test_the_status_of_the_server_is_said(mesh: Mesh) -> None:
    result = await invoke(mesh, "--node-id", "sidecar~1")
    assert result.exit_code == 1
    assert 'INVALID_ARGUMENT: missing parts in the service node "sidecar~1"' in result.stderr


async def test_a_refusal_ends_in_what_is_not_held(mesh: Mesh) -> None:
    result = await invoke(mesh, "--type", "lds", "--nack", "lds=I do not like it")
    assert result.exit_code == 0
    assert "LDS  0 resources" in result.stdout
    assert "refused: Listener: I do not like it" in result.stderr
    assert mesh.counted().metrics["pilot_total_xds_rejects"] > 0


async def test_watching_prints_changes_as_they_come_and_comes_back_with_what_it_has(
    mesh: Mesh,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import cli; cli.main()", "ads", f"127.0.0.1:{mesh.port}"),
        *("--watch", "-o", "json", "--proxy", "cart-1.shop"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None

    async def responses(last: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        assert process.stdout is not None
        async with asyncio.timeout(20):
            while not found or found[-1]["type"] != last:
                found.append(json.loads(await process.stdout.readline()))
        return found

    try:
        kinds = [one["type"] for one in await responses("RouteConfiguration")]
        assert kinds[:2] == ["Cluster", "Cluster"]
        await until(lambda: not next(iter(mesh.hub)).session.open_names(), "all is held")
        await mesh.put(shop.routes("2", ("web", "v1", 50), ("web", "v2", 50), gateways=False))
        (change,) = await responses("RouteConfiguration")
        assert change["version"]
        assert change["refused"] == ""
        await until(lambda: not next(iter(mesh.hub)).session.open_names(), "all is held")
        await mesh.ads.stop()
        await mesh.ads.start(f"127.0.0.1:{mesh.port}")
        await until(lambda: any(s.session.status().types for s in mesh.hub), "it is back")
        await mesh.put(shop.routes("3", ("web", "v1", 20), ("web", "v2", 80), gateways=False))
        (change,) = await responses("RouteConfiguration")
        assert [one["name"] for one in change["resources"]] == ["9080"]
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--name", "9080"], "--name needs the --type"),
        (["--type", "xyz"], "xyz is no type"),
        (["--type", "sds"], "Secret is asked for by name"),
        (["--kind", "robot"], "--kind robot is none of sidecar, router"),
        (["--proxy", "cart"], "--proxy cart is not of the form NAME.NAMESPACE"),
        (["--label", "app"], "not of the form KEY=VALUE"),
        (["--metadata", 'A={"'], "Invalid value for --metadata"),
        (["--cert", "a.pem"], "needs both"),
        (["--ca", "no-such.pem"], "no-such.pem: No such file or directory"),
        (["--token", "@no-such"], "no-such: No such file or directory"),
    ],
)
def test_mistakes_are_said(arguments: list[str], text: str) -> None:
    assert text in mistake(*arguments)
