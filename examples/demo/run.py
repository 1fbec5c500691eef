"""All of it together: start, play, show, end. Every way out ends all children first."""

import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack, suppress
from typing import Final

import aiohttp
import grpc
from rich.console import Console
from rich.live import Live

from examples.demo.checks import unaccounted
from examples.demo.desk import Desk
from examples.demo.fleet import Fleet
from examples.demo.layout import REPOSITORY, DemoError, Work
from examples.demo.ledger import Ledger
from examples.demo.probe import probing
from examples.demo.steps import Stage, play
from examples.demo.story import STEPS
from examples.demo.traffic import FLOWS, Traffic
from examples.demo.trust import short
from examples.demo.view import Board, line, status

WARM_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 1.0
STATUS_SECONDS: Final = 5.0
HEADING: Final = (
    "each step: milliseconds from the file write to the first request that shows it, on the way "
    "through the client's sidecar and on that through the ingress"
)
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def demo(*, once: bool) -> int:
    """The exit code: 0 when every step held and no request was lost."""
    work = Work(REPOSITORY / ".demo")
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    try:
        return asyncio.run(_until_signal(work, console, once=once))
    except* (DemoError, OSError, aiohttp.ClientError) as group:
        for error in _leaves(group):
            console.print(f"demo: {error}", style="red", markup=False)
    console.print(f"logs are in {work.logs}")
    return 1


async def _until_signal(work: Work, console: Console, *, once: bool) -> int:
    main = asyncio.current_task()
    assert main is not None
    told: list[int] = []

    def stop(number: int) -> None:
        if not told:  # the second Ctrl-C of an impatient hand must not cut the end short
            told.append(number)
            main.cancel()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await _run(work, console, once=once)
    except asyncio.CancelledError:
        if not told:
            raise
    console.print("stopped; no process is left")
    # who asked for an unattended run has not got one
    return 128 + told[0] if once else 0


async def _run(work: Work, console: Console, *, once: bool) -> int:
    ledger = Ledger()
    board = Board(tuple(flow.name for flow in FLOWS), ledger, str(work.config))
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        )
        fleet = Fleet(work, session)
        stack.push_async_callback(fleet.children.stop_all)
        console.print("starting the control plane, the programs and the Envoys …")
        await fleet.start()
        console.print(HEADING)
        traffic = Traffic(ledger)
        if console.is_terminal:
            live = Live(
                get_renderable=lambda: board.render(time.perf_counter(), console.height),
                console=console,
                refresh_per_second=4,
            )
            stack.enter_context(live)
        async with asyncio.TaskGroup() as group:
            look = group.create_task(_look(fleet, board), name="look")
            sending = group.create_task(traffic.run(), name="traffic")
            good = await _story(fleet, board, console)
            if not once:
                await _go_on(board, console)
            traffic.stop()
            await sending
            look.cancel()
        return 0 if await _account(fleet, ledger, console) and good else 1


async def _story(fleet: Fleet, board: Board, console: Console) -> bool:
    """Play all steps; whether all held. It ends with the first that does not."""
    await asyncio.sleep(WARM_SECONDS)
    async with probing(board.ledger) as probe:
        stage = Stage(fleet, board.ledger, probe, Desk(fleet.work), tell=board.tell)
        for step in STEPS:
            board.doing = step.title
            played = await play(step, stage)
            board.played.append(played)
            if not console.is_terminal:
                for text in line(played):
                    console.print(text, markup=False)
            if played.problems:
                board.doing = f"failed: {step.title}"
                console.print(f"the step failed; logs are in {fleet.work.logs}", style="red")
                return False
    board.doing = "the story is told, now it is your turn"
    return True


async def _go_on(board: Board, console: Console) -> None:
    """Traffic until Ctrl-C."""
    if console.is_terminal:
        await asyncio.Event().wait()
    console.print(f"edit {board.config} and watch; Ctrl-C ends everything")
    while True:
        await asyncio.sleep(STATUS_SECONDS)
        console.print(status(board.ledger, board.flows, time.perf_counter()), markup=False)


async def _look(fleet: Fleet, board: Board) -> None:
    """Keep the board fresh, and end the demo when something ends that should not."""
    while True:
        fleet.children.must_live()
        # asked, perhaps, just when a workload was being ended
        with suppress(aiohttp.ClientError, grpc.aio.AioRpcError):
            board.proxies = await fleet.proxies()
            board.counters = await fleet.counters()
            board.verdicts = await fleet.verdicts()
            board.certificates = await fleet.certificates()
            board.rotation = await fleet.rotation()
            board.served = await fleet.served()
        await asyncio.sleep(LOOK_SECONDS)


async def _account(fleet: Fleet, ledger: Ledger, console: Console) -> bool:
    """Compare what was sent with what the programs say they served."""
    served = await fleet.served()
    now = ledger.mark()
    states = await fleet.proxies()
    found, ca = await fleet.certificates(), await fleet.rotation()
    console.print(
        f"certificates: {len(found)} proxies, {await fleet.renewals()} renewed, root "
        f"{short(ca.signer)} {ca.stage}"
    )
    generations = ", ".join(f"{state.name} {state.generation}" for state in states)
    console.print(f"generations: {generations}")
    console.print("served: " + ", ".join(f"{name} {number}" for name, number in served.items()))
    console.print(f"sent {now.sent}, failed {now.failed}, served {sum(served.values())}")
    problems = unaccounted(now.sent, now.failed, sum(served.values()))
    problems += [f"{o.flow}: {o.error}" for o in ledger.failures[:5]]
    for problem in problems:
        console.print(f"PROBLEM {problem}", style="red", markup=False)
    return not problems


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
