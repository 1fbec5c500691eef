from examples.demo.ledger import Ledger, Mark, Outcome


def test_good_and_bad_requests_are_counted_by_flow() -> None:
    ledger = Ledger()
    ledger.add(Outcome("a", 0.0, 1.0))
    ledger.add(Outcome("a", 1.0, 2.0, error="gone"))
    ledger.add(Outcome("b", 1.0, 2.0))
    assert ledger.mark() == Mark(sent=3, failed=1)
    assert ledger.failed["a"] == 1
    assert [o.error for o in ledger.failures] == ["gone"]


def test_what_started_before_does_not_count_though_it_ended_after() -> None:
    ledger = Ledger()
    early = Outcome("a", 0.0, 2.0)
    late = Outcome("a", 1.5, 3.0)
    for outcome in (Outcome("a", 0.0, 1.0), early, late, Outcome("b", 1.5, 3.0)):
        ledger.add(outcome)
    assert ledger.started_since(1.5, "a") == [late]
    assert [o.ended for o in ledger.ended_since(2.0)] == [3.0, 3.0, 2.0]


def test_the_certificates_of_each_caller_are_remembered() -> None:
    ledger = Ledger()
    for caller, certificate, error in (
        ("one", "a", ""),
        ("one", "b", ""),
        ("one", "b", ""),
        ("two", "c", ""),
        ("two", "d", "gone"),
        ("", "", ""),
    ):
        ledger.add(Outcome("f", 0.0, 1.0, caller=caller, certificate=certificate, error=error))
    assert ledger.certificates == {"one": {"a", "b"}, "two": {"c"}}
