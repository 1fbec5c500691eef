"""Lists of revoked certificates: which can be given to proxies without cutting off the good.

Whoever verifies with lists refuses every certificate of a CA that has none, or only one that is
out of date. So proxies are given lists when each CA in use has one that is in date, and none else;
the control plane itself looks the serial numbers up, for which any list will do.
"""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509

from sds.ca.material import name_of
from sds.secrets import load_revocations


def for_proxies(
    lists: bytes, signers: Iterable[x509.Certificate], *, now: datetime
) -> tuple[bytes, str]:
    """`lists`, or nothing and why: `signers` are those whose certificates are in use."""
    if not lists:
        return b"", ""
    found = load_revocations(lists)
    for signer in signers:
        own = [one for one in found if one.issuer == signer.subject]
        if not own:
            return b"", (
                f"proxies are given no list of revoked certificates: {name_of(signer)} has none, "
                "and they would refuse all that it signed"
            )
        ends = [one.next_update_utc for one in own]
        if all(end is not None and end <= now for end in ends):
            last = max(end for end in ends if end is not None)
            return b"", (
                f"proxies are given no list of revoked certificates: that of {name_of(signer)} "
                f"was good until {last:%FT%TZ}, and they would refuse all that it signed; renew it"
            )
    return lists, ""
