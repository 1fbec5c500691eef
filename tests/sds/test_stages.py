"""The stages as values, driven at random: the laws hold whatever happens."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sds.stages import (
    Facts,
    Rotation,
    RotationError,
    Stage,
    abandon,
    begin,
    next_step,
    resume,
    step,
    switch,
    waiting,
)
from tests.sds.material import START

FAR = START + timedelta(days=3650)


def _later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_trusting_waits_for_all_that_it_should() -> None:
    rotation = begin(Rotation(START, "a"), "b", now=START, held_until=_later(60))
    many = tuple(f"p{n}" for n in range(30))
    found = waiting(rotation, Facts(START, acknowledged=False, lagging=many))
    assert "p19 and 10 more" in found[0]
    assert "2026-01-01T00:01:00Z" in found[1]
    assert waiting(rotation, Facts(_later(60), acknowledged=True)) == ()


def test_what_is_withdrawn_leaves_what_retires() -> None:
    rotation = switch(Rotation(START, "a"), "b", now=START)
    rotation = begin(rotation, "a", now=START, held_until=None)
    assert (rotation.stage, rotation.retiring) == (Stage.TRUSTING, ("a",))
    rotation = abandon(rotation, now=START)
    assert (rotation.stage, rotation.signer, rotation.retiring) == (Stage.SIGNING, "b", ("a",))


def test_what_happens_next_is_said_of_every_stage() -> None:
    one = Rotation(START, "a")
    stages = (one, begin(one, "b", now=START, held_until=None), switch(one, "b", now=START))
    assert {rotation.stage for rotation in stages} == set(Stage)
    assert len({next_step(rotation) for rotation in stages}) == 3


def test_what_cannot_be() -> None:
    rotation = begin(Rotation(START, "a"), "b", now=START, held_until=None)
    with pytest.raises(RotationError):
        begin(rotation, "c", now=START, held_until=None)
    with pytest.raises(RotationError):
        resume(Rotation(START, "a"), now=START, lagging=())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["begin", "step", "lagging", "resume", "abandon"]),
            st.sampled_from("abcd"),
            st.integers(0, 100),
        ),
        max_size=30,
    )
)
def test_no_key_leaves_while_what_it_signed_is_in_use(events: list[tuple[str, str, int]]) -> None:
    rotation, now = Rotation(START, "a"), START
    ends: dict[str, datetime | None] = {}
    for event, name, seconds in events:
        now += timedelta(seconds=seconds)
        ends[rotation.signer] = now + timedelta(seconds=60)
        before = rotation
        match event:
            case "begin" if not rotation.next and name != rotation.signer:
                rotation = begin(rotation, name, now=now, held_until=None)
            case "resume" if rotation.next:
                rotation = resume(rotation, now=now, lagging=("p",))
            case "abandon" if rotation.next:
                rotation = abandon(rotation, now=now)
            case "step" | "lagging":
                facts = Facts(now, acknowledged=event == "step")
                rotation = step(rotation, facts, signer_end=FAR, ends=ends)
        named = {rotation.signer, rotation.next, *rotation.retiring}
        assert all(key in named for key, end in ends.items() if end is not None and end > now)
        if rotation.signer != before.signer:
            assert rotation.signer == before.next
            assert event in ("step", "resume")
        assert rotation.signer not in (*rotation.retiring, rotation.next)
