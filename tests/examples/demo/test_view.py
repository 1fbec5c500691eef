from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from examples.demo.checks import Counters
from examples.demo.fleet import ProxyState, Said
from examples.demo.ledger import Ledger, Outcome
from examples.demo.steps import Notes, Played
from examples.demo.trust import Certificate, Rotation
from examples.demo.view import (
    Board,
    acknowledged,
    line,
    shares,
    status,
    times,
    trusted,
    until,
)


def played(*problems: str, title: str = "50/50") -> Played:
    notes = Notes(times=[("", {"ingress": 9.04, "sidecar": 8.0})], facts=["v2 answers 50 %"])
    return Played(title, notes, 100, len(problems), Counters(), problems)


def state(*acked: int) -> ProxyState:
    types = ("Cluster", "ClusterLoadAssignment", "Listener", "RouteConfiguration")
    return ProxyState("client", "sidecar", 7, dict(zip(types, acked, strict=True)), 0, ())


def test_lines_say_time_split_failures_and_counters() -> None:
    first, second = line(played())
    assert first.startswith("✓ 50/50")
    assert "sidecar 8.0 ms, ingress 9.0 ms" in first
    assert "100 requests, 0 failed" in second
    assert "client's sidecar: retries 0, no_cluster 0, NACKs 0" in second


def test_problems_are_lines_of_their_own() -> None:
    first, *_, last = line(played("nobody came"))
    assert first.startswith("✗ 50/50")
    assert last.strip() == "PROBLEM nobody came"


def test_a_time_that_is_not_of_a_first_request_says_of_what() -> None:
    step = played()
    step.notes.times[:] = [("refused", {"verdict": 2.25})]
    assert times(step) == "refused: verdict 2.2 ms"


def test_what_is_acknowledged_is_one_number_when_all_types_agree() -> None:
    assert acknowledged(state(7, 7, 7, 7)) == "7"
    assert acknowledged(state(7, 7, 6, 5)) == "CDS 7 EDS 7 LDS 6 RDS 5"


def test_shares_and_status_are_of_the_last_seconds() -> None:
    ledger = Ledger()
    ledger.add(Outcome("a", 0.0, 1.0, version="v9"))
    for version in ("v1", "v1", "v1", "v2"):
        ledger.add(Outcome("a", 9.0, 10.0, version=version))
    ledger.add(Outcome("a", 9.0, 10.0, error="gone"))
    assert status(ledger, ("a",), 11.0) == "a: v1 75%, v2 25% | failed 1"
    assert shares([]) == ""


def test_the_ca_is_told_by_its_stage_its_roots_and_which_of_them_signs() -> None:
    found = Rotation("TRUSTING", ("0123456789", "abcdefghij"), "0123456789")
    assert trusted(found) == "CA: TRUSTING; trusted roots 01234567 (signs), abcdefgh"


def test_a_certificate_is_told_by_its_end_or_why_there_is_none() -> None:
    end = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert until(Certificate("a", "x", end=end, acknowledged=True)) == "03:04:05"
    assert until(Certificate("a", "x", end=end)) == "03:04:05, not acknowledged"
    assert until(Certificate("a", "x", "Failed")) == "Failed"


def test_the_board_shows_flows_proxies_steps_and_complaints() -> None:
    ledger = Ledger()
    ledger.add(Outcome("gRPC", 9.0, 10.0, version="v1", pod="greeter-v1"))
    board = Board(("gRPC",), ledger, "somewhere/config")
    board.proxies = [state(7, 7, 7, 7)]
    end = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    identity = "spiffe://cluster.local/ns/demo/sa/client"
    board.certificates = [Certificate("client", identity, end=end, acknowledged=True)]
    board.rotation = Rotation("SIGNING", ("0123456789", "abcdefghij"), "abcdefghij")
    board.counters = {"client": Counters(retries=3)}
    board.verdicts = [
        Said("VirtualService", "greeter", "error", "WeightSum", "120", "write 100"),
        Said("Service", "web", "info", "Quiet", "never mind", ""),
    ]
    board.played = [played(title=f"step {number}") for number in range(9)]
    console = Console(width=170, file=StringIO())
    with console.capture() as capture:
        console.print(board.render(10.5, height=22))
    text = capture.get()
    for part in ("v1 100%", "greeter-v1", "client (sidecar)", "WeightSum", "somewhere/config"):
        assert part in text
    for part in ("ns/demo/sa/client", "03:04:05", "CA: SIGNING"):
        assert part in text
    assert "never mind" not in text
    # the last steps are what a low terminal has room for
    assert "step 8" in text
    assert "step 0" not in text
