import pytest

from examples.demo.proof import Proven, proven

ME, HOP = "spiffe://cluster.local/ns/demo/sa/me", "spiffe://cluster.local/ns/demo/sa/hop"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Proven()),
        (f'By={HOP};Hash=ab12;Subject="";URI={ME}', Proven(ME, "ab12")),
        # the sidecar beside the program has the last word, whatever came in before
        (f"Hash=ff;URI={HOP},By={HOP};Hash=ab12;URI={ME}", Proven(ME, "ab12")),
        (f"Hash=ff;URI={HOP},By={HOP};Hash=ab12", Proven("", "ab12")),
        # a name may hold what else ends one
        (f'Hash=ab;Subject="CN=a\\",URI=x;URI=y";URI={ME}', Proven(ME, "ab")),
        ("nonsense", Proven()),
    ],
)
def test_the_caller_is_whom_the_last_hop_has_seen(header: str, expected: Proven) -> None:
    assert proven(header) == expected
