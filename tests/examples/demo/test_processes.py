import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from examples.demo.layout import DemoError
from examples.demo.processes import LEASH, Children, until_connects

SLEEPER = "import time; time.sleep(60)"


async def gone(pid: int) -> None:
    """Until the process has ended, whoever reaps it."""
    async with asyncio.timeout(10):
        while True:
            if not runs(pid):
                return
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_children_end_in_their_turn(tmp_path: Path) -> None:
    children = Children(tmp_path)
    first = await children.start("first", [sys.executable, "-c", SLEEPER])
    await children.start("second", [sys.executable, "-c", SLEEPER])
    children.must_live()
    await children.stop("second")
    children.must_live()
    await children.stop_all()
    assert first.ended
    await children.stop("first")


async def test_one_that_ends_on_its_own_is_told_with_its_last_words(tmp_path: Path) -> None:
    children = Children(tmp_path)
    child = await children.start("short", [sys.executable, "-c", "raise SystemExit('no luck')"])
    await child.process.wait()
    with pytest.raises(DemoError, match=r"short ended with 1\nno luck"):
        children.must_live()


async def test_a_child_that_will_not_listen_is_waited_for_in_bounds(tmp_path: Path) -> None:
    children = Children(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
        child = await children.start("mute", [sys.executable, "-c", SLEEPER])
        with pytest.raises(DemoError, match="mute does not listen"):
            await until_connects(child, address, 0.05)
        free.listen()
        await until_connects(child, address)
    await children.stop_all()


async def test_children_do_not_outlive_a_parent_that_was_killed() -> None:
    # a parent that starts a leashed child, says its id and waits
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c"),
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-I', sys.argv[1], str(os.getpid()),"
        " sys.executable, '-c', 'print(1, flush=True); import time; time.sleep(60)'],"
        " stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)",
        str(LEASH),
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    os.kill(child, 0)  # it is there
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await gone(child)


async def test_a_child_of_a_parent_that_is_gone_does_not_start() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(LEASH), "1", sys.executable, "-c", "print('started')"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert (process.returncode, output) == (1, b"")
