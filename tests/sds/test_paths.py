"""Who signed whom, in whatever order they come."""

from itertools import permutations

from sds.paths import issued, may_sign, path, too_deep
from tests.sds.material import Ca

ROOT = Ca("Root")
UPPER = Ca("Upper", parent=ROOT)
LOWER = Ca("Lower", parent=UPPER)


def test_intermediates_in_any_order() -> None:
    leaf = LOWER.leaf()
    for pool in permutations((UPPER.certificate, LOWER.certificate, Ca("Other").certificate)):
        assert path(leaf, pool, (ROOT.certificate,)) == (
            leaf,
            LOWER.certificate,
            UPPER.certificate,
            ROOT.certificate,
        )


def test_no_way() -> None:
    assert path(LOWER.leaf(), (LOWER.certificate,), (ROOT.certificate,)) == ()
    assert path(LOWER.leaf(), (UPPER.certificate, LOWER.certificate), ()) == ()


def test_a_root_is_its_own_way() -> None:
    assert path(ROOT.certificate, (), (ROOT.certificate,)) == (ROOT.certificate,)


def test_two_that_signed_each_other_are_no_endless_way() -> None:
    one = Ca("One")
    two = Ca("Two", parent=one)
    back = Ca("One", parent=two, key=one.key)
    assert path(two.leaf(), (two.certificate, back.certificate), (ROOT.certificate,)) == ()


def test_a_name_is_not_enough() -> None:
    namesake = Ca("Root")
    assert issued(ROOT.leaf(), ROOT.certificate)
    assert not issued(ROOT.leaf(), namesake.certificate)


def test_who_may_sign() -> None:
    assert may_sign(ROOT.certificate) == ""
    assert "no basic constraints" in may_sign(ROOT.leaf())
    assert "no CA" in may_sign(Ca(is_ca=False).certificate)


def test_how_deep() -> None:
    shallow = Ca("Shallow", path_length=0)
    assert too_deep((shallow.certificate,)) is None
    assert too_deep((LOWER.certificate, shallow.certificate)) == shallow.certificate
