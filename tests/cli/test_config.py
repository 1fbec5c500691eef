"""`meshpilot config dump`: what a proxy should hold, what it has acknowledged, the difference."""

import asyncio
import json

import pytest
import yaml
from typer.testing import CliRunner, Result

from cli import app
from tests.cli.test_proxies import refusing
from tests.fakes import pipeline
from tests.features.mesh import Mesh, documents, running


async def invoke(mesh: Mesh, *arguments: str) -> Result:
    command = ["config", "dump", "--address", mesh.http, *arguments]
    return await asyncio.to_thread(CliRunner().invoke, app, command, env={"COLUMNS": "160"})


async def test_all_is_in_sync() -> None:
    async with running() as mesh:
        await mesh.put(*documents())
        await mesh.join()
        whole = await invoke(mesh, "client.shop")
        difference = await invoke(mesh, "client.shop", "--diff")
    assert whole.exit_code == difference.exit_code == 0
    assert whole.stdout.count("in sync") == int(whole.stdout.split()[-2])
    assert difference.stdout.splitlines()[1:] == [
        "the proxy has acknowledged all that it should hold",
        "0 differences",
    ]


async def test_the_difference_and_why() -> None:
    async with running() as mesh:
        await refusing(mesh)
        shown = await invoke(mesh, "client.shop", "--diff")
        data = await invoke(mesh, "client.shop", "--diff", "-o", "json")
    assert shown.exit_code == data.exit_code == 1
    assert "RDS 9080 is refused: Error adding/updating: 9080" in shown.stdout
    assert "older" in shown.stdout
    assert shown.stdout.endswith("1 difference\n")
    found = json.loads(data.stdout)["config"]
    (table,) = found["RouteConfiguration"]["resources"]
    assert table["version"] != table["acked"]
    assert found["Cluster"]["resources"] == []


async def test_one_type_as_yaml() -> None:
    async with running() as mesh:
        await mesh.put(*documents())
        await mesh.join()
        result = await invoke(mesh, "client.shop", "--type", "rds", "-o", "yaml")
    found = yaml.safe_load(result.stdout)["config"]
    assert found.keys() == {"RouteConfiguration"}
    assert "9080" in {item["name"] for item in found["RouteConfiguration"]["resources"]}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["nobody.shop"], 1, 'no connected proxy is called "nobody.shop"'),
        (["client.shop"], 1, '"client.shop" is ambiguous, give the connection'),
        (["client.shop", "--type", "xds"], 2, "xds is none of cds, eds, lds, rds, sds"),
    ],
)
async def test_mistakes_are_said(arguments: list[str], code: int, text: str) -> None:
    async with running() as mesh:
        await mesh.put(*documents())
        for address in ("10.0.0.1", "10.0.0.2"):
            await mesh.join(pipeline.proxy(ip=address))
        result = await invoke(mesh, *arguments)
    assert result.exit_code == code
    assert text in result.stderr
