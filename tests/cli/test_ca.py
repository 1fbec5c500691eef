"""meshpilot ca, on a control plane that runs."""

import asyncio
import json
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from cli import app
from tests.features.mesh import Mesh, running


async def ask(mesh: Mesh, *arguments: str) -> Result:
    whole = ["ca", *arguments, "--address", mesh.http]
    return await asyncio.to_thread(CliRunner().invoke, app, whole)


async def test_the_roots_in_force(tmp_path: Path) -> None:
    async with running() as mesh:
        result = await ask(mesh, "status")
        assert result.exit_code == 0, result.output
        assert result.output.startswith("stage STABLE since 20")
        assert "O=cluster.local" in result.output
        found = json.loads((await ask(mesh, "status", "-o", "json")).output)
        assert [root["signs"] for root in found["roots"]] == [True]
        assert (await ask(mesh, "roots")).output.encode() == mesh.secure.trust.roots
        path = tmp_path / "root-cert.pem"
        assert (await ask(mesh, "roots", "-o", str(path))).output == ""
        assert path.read_bytes() == mesh.secure.trust.roots


async def test_a_rotation_is_begun_once() -> None:
    async with running() as mesh:
        result = await ask(mesh, "resume")
        assert result.exit_code == 1
        assert result.output.startswith("meshpilot: ")
        result = await ask(mesh, "rotate")
        assert result.exit_code == 0, result.output
        assert result.output.count("O=cluster.local") == 2
        result = await ask(mesh, "rotate")
        assert result.exit_code == 1
        assert "a rotation is running" in result.output
