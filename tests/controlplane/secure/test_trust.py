"""Rotation in step with the proxies, and a plugged-in CA whose files somebody replaces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.secure import assembly
from controlplane.settings import Settings
from controlplane.tasks import SystemClock
from controlplane.telemetry import Telemetry
from controlplane.xds.hub import Hub
from sds.ca.material import MaterialError
from sds.rotation import RotationError
from sds.secrets import encode, encode_key
from tests.fakes.certificates import Root
from tests.features.client import until


def plug(directory: Path, root: Root) -> None:
    """As `mv` does it: each file at once."""
    contents = {
        "ca-key.pem": encode_key(root.material.key),
        "ca-cert.pem": encode((root.material.certificate,)),
        "root-cert.pem": root.pem,
    }
    for name, content in contents.items():
        (directory / f".{name}").write_bytes(content)
    for name in contents:
        (directory / f".{name}").rename(directory / name)


def build(directory: Path) -> assembly.Secure:
    return assembly.build(
        Settings(config_dir=Path("/"), ca_dir=directory),
        Hub(),
        clock=SystemClock(),
        metrics=Telemetry(),
        renewed=lambda seat: None,
    )


@asynccontextmanager
async def watched(directory: Path) -> AsyncIterator[assembly.Secure]:
    secure = build(directory)
    tasks = [
        asyncio.create_task(secure.trust.watch(directory)),
        asyncio.create_task(secure.trust.run()),
    ]
    # the watch begins with the first turn of its task
    await asyncio.sleep(0)
    try:
        yield secure
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def roots(secure: assembly.Secure) -> set[str]:
    return {root["fingerprint"] for root in secure.trust.status()["roots"]}


async def test_new_files_are_taken_up_without_a_restart(tmp_path: Path) -> None:
    first, second = Root.made(), Root.made()
    plug(tmp_path, first)
    async with watched(tmp_path) as secure:
        assert roots(secure) == {first.material.fingerprint}
        plug(tmp_path, second)
        both = {first.material.fingerprint, second.material.fingerprint}
        await until(lambda: roots(secure) == both, "the new root is trusted")
        # nobody is connected: nobody is waited for
        await until(
            lambda: secure.trust.status()["signer"] == second.material.fingerprint, "it signs"
        )


async def test_broken_files_are_said_and_the_last_good_ones_stay(tmp_path: Path) -> None:
    first = Root.made()
    plug(tmp_path, first)
    async with watched(tmp_path) as secure:
        with capture_logs() as logs:
            (tmp_path / "ca-cert.pem").write_bytes(b"garbage")
            await until(
                lambda: any(entry["event"] == "ca_files_not_used" for entry in logs), "it is said"
            )
        status = secure.trust.status()
        assert status["signer"] == first.material.fingerprint
        assert any(str(tmp_path) in problem for problem in status["problems"])
        plug(tmp_path, first)
        await until(lambda: not secure.trust.status()["problems"], "it is good again")


def test_a_directory_without_a_ca_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(MaterialError, match="No such file"):
        build(tmp_path)


def test_a_plugged_in_root_is_rotated_by_who_plugs_it_in(tmp_path: Path) -> None:
    plug(tmp_path, Root.made())
    with pytest.raises(RotationError, match="put the new files in the place of the old"):
        build(tmp_path).trust.rotate()


def test_nothing_waits_that_could_go_on(tmp_path: Path) -> None:
    plug(tmp_path, Root.made())
    with pytest.raises(RotationError):
        build(tmp_path).trust.resume()
