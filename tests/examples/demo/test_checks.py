import pytest

from examples.demo.checks import (
    Counters,
    Expected,
    complaints,
    counters,
    losses,
    plain,
    share,
    strangers,
    tolerance,
    unaccounted,
)
from examples.demo.ledger import Outcome


def answered(version: str, times: int, *, route: str = "r", canary: bool = False) -> list[Outcome]:
    return [Outcome("f", 0.0, 1.0, canary, version, "pod", route)] * times


def test_an_expected_split_has_no_complaints() -> None:
    seen = answered("v1", 183) + answered("v2", 17)
    assert complaints(seen, Expected("r", share=0.1)) == []


@pytest.mark.parametrize("v2", [0, 20, 200])
def test_a_split_that_chance_does_not_explain_is_named(v2: int) -> None:
    seen = answered("v1", 200 - v2) + answered("v2", v2)
    [complaint] = complaints(seen, Expected("r", share=0.5))
    assert complaint.startswith(f"v2 has {v2 / 200:.1%} of 200, not 50%")


def test_an_answer_by_other_routes_is_named() -> None:
    seen = answered("v1", 50) + answered("v1", 1, route="old")
    [complaint] = complaints(seen, Expected("r", share=0.0))
    assert "['old']" in complaint


def test_canaries_are_judged_apart_from_the_split() -> None:
    expected = Expected("r", share=0.0, canary="v2")
    seen = answered("v1", 50) + answered("v2", 20, canary=True)
    assert complaints(seen, expected) == []
    assert plain(seen, expected) == answered("v1", 50)
    stray = answered("v1", 1, canary=True)
    assert complaints(seen + stray, expected) == ["canary requests reached ['v1']"]


def test_without_a_canary_rule_the_header_means_nothing() -> None:
    seen = answered("v1", 25) + answered("v2", 25, canary=True)
    assert complaints(seen, Expected("r", share=0.5)) == []


def test_requests_that_were_not_of_whom_they_should_be_are_named() -> None:
    callers = {"a": "spiffe://one", "b": "spiffe://two"}
    seen = [
        Outcome("a", 0.0, 1.0, caller="spiffe://one"),
        Outcome("a", 0.0, 1.0, error="gone"),
        Outcome("c", 0.0, 1.0),
    ]
    assert strangers(seen, callers) == []
    seen += [Outcome("b", 0.0, 1.0), Outcome("b", 0.0, 1.0), Outcome("a", 0.0, 1.0, caller="x")]
    assert strangers(seen, callers) == [
        "1 requests of a were of x",
        "2 requests of b were of nobody that proved itself",
    ]


def test_silence_is_no_success() -> None:
    assert complaints([], Expected("r", share=0.5)) == ["0 requests are too few to judge"]


def test_failures_are_not_part_of_the_split() -> None:
    failed = Outcome("f", 0.0, 1.0, error="gone")
    assert plain([failed], Expected("r")) == []
    assert share([], "v2") == 0.0


def test_tolerance_shrinks_with_the_root_of_the_requests() -> None:
    assert tolerance(0.5, 400) == pytest.approx(tolerance(0.5, 100) / 2)
    assert tolerance(0.0, 100) == 0.0


def test_counters_sum_over_clusters_and_ignore_others() -> None:
    stats = {
        "cluster.outbound|80||a;.upstream_rq_retry": 2,
        "cluster.outbound|80||b;.upstream_rq_retry": 1,
        "cluster.outbound|80||b;.upstream_rq_retry_success": 9,
        "http.outbound_0.0.0.0_80;.no_cluster": 4,
        "cluster_manager.cds.update_rejected": 5,
        "listener_manager.lds.update_success": 9,
    }
    assert counters(stats) == Counters(3, 4, 5)


def test_counters_are_added_and_subtracted() -> None:
    assert Counters(3, 2, 1) - Counters(1, 1, 1) + Counters(0, 0, 4) == Counters(2, 1, 4)
    assert str(Counters(1, 2, 3)) == "retries 1, no_cluster 2, NACKs 3"


def test_a_step_that_costs_nothing_has_no_losses() -> None:
    assert losses([], Counters(), stops=False) == []


def test_a_failed_request_is_a_loss_in_every_step() -> None:
    failures = [Outcome("f", 0.0, 1.0, error="early"), Outcome("g", 0.0, 1.0, error="late")]
    for stops in (False, True):
        [loss] = losses(failures, Counters(), stops=stops)
        assert loss == "2 requests failed, the last with 'late' (g)"


@pytest.mark.parametrize(
    ("counted", "stops", "loss"),
    [
        (Counters(retries=1), False, True),
        (Counters(retries=1), True, False),
        (Counters(no_cluster=1), True, True),
        (Counters(rejected=1), True, True),
    ],
)
def test_only_retries_are_forgiven_and_only_where_a_program_ended(
    counted: Counters, stops: bool, loss: bool
) -> None:
    assert bool(losses([], counted, stops=stops)) is loss


@pytest.mark.parametrize(
    ("sent", "failed", "served", "good"),
    [(10, 0, 10, True), (10, 0, 11, False), (10, 0, 9, False), (10, 2, 8, True), (10, 2, 10, True)],
)
def test_every_good_request_was_served_once(
    sent: int, failed: int, served: int, good: bool
) -> None:
    assert (unaccounted(sent, failed, served) == []) is good
