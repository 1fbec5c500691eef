"""The memo by itself."""

from dataclasses import replace

from translators import Memo
from translators.builtin import BLACK_HOLE
from translators.cds import translate
from translators.model import Cluster
from translators.wire import Packed


def test_identity_not_equality_decides() -> None:
    memo, twin = Memo(), replace(BLACK_HOLE)
    first = memo.packed(BLACK_HOLE, translate)
    assert memo.packed(BLACK_HOLE, translate) is first
    second = memo.packed(twin, translate)
    assert second is not first
    assert second.value == first.value
    assert memo.translated == {Cluster: 2}


def test_an_id_is_not_given_away_while_its_result_lives() -> None:
    memo = Memo()
    held: list[Packed] = [memo.packed(replace(BLACK_HOLE), translate) for _ in range(100)]
    assert len(memo) == 100
    assert len({id(item.unit) for item in held}) == 100
