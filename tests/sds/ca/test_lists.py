"""Lists of revoked certificates that proxies can be given without refusing the good."""

from datetime import timedelta

from sds.ca.lists import for_proxies
from tests.sds.material import START, Ca

ONE, OTHER = Ca("One"), Ca("Other")


def test_each_ca_in_use_needs_a_list() -> None:
    lists = ONE.revokes(4)
    assert for_proxies(lists, [ONE.certificate], now=START) == (lists, "")
    given, why = for_proxies(lists, [ONE.certificate, OTHER.certificate], now=START)
    assert given == b""
    assert "O=Other has none" in why
    both = lists + OTHER.revokes(5)
    assert for_proxies(both, [ONE.certificate, OTHER.certificate], now=START) == (both, "")


def test_a_list_that_is_out_of_date_would_refuse_everybody() -> None:
    lists = ONE.revokes(4)
    given, why = for_proxies(lists, [ONE.certificate], now=START + timedelta(days=4000))
    assert given == b""
    assert "renew it" in why


def test_without_lists_nothing_is_said() -> None:
    assert for_proxies(b"", [ONE.certificate], now=START) == (b"", "")
