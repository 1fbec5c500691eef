"""A new root that the one before vouches for: chains lead to either."""

import os
from datetime import timedelta

from cryptography import x509

from sds.ca.crossing import crossed
from sds.ca.material import Material
from sds.ca.selfsigned import Kind, SelfSigned, make_root
from sds.paths import path
from sds.rotation import Facts, RotatingAuthority
from tests.sds.material import Ca, Clock

KIND = Kind("cluster.local")


def root(clock: Clock, serial: int = 1) -> Material:
    return make_root(KIND, now=clock(), serial=serial)


def test_a_chain_leads_from_the_new_key_to_the_old_root() -> None:
    clock = Clock()
    old, new = root(clock, 1), root(clock, 2)
    made = crossed(new, old, now=clock(), serial=3)
    assert made is not None
    assert made.public_key() == new.certificate.public_key()
    assert made.subject == new.certificate.subject
    assert path(made, (), old.roots) == (made, *old.roots)
    usage = made.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert usage.ca
    assert made.not_valid_after_utc <= old.end


def test_nobody_vouches_for_what_is_no_root_or_when_he_is_gone() -> None:
    clock = Clock()
    old, new = root(clock, 1), root(clock, 2)
    top = Ca("Top")
    middle = Ca("Middle", parent=top)
    plugged = Material(middle.certificate, middle.key, (middle.certificate,), (top.certificate,))
    assert crossed(plugged, old, now=clock(), serial=3) is None
    assert crossed(new, plugged, now=clock(), serial=3) is None
    assert crossed(new, old, now=old.end, serial=3) is None


def test_what_earlier_roots_vouched_for_is_kept_over_rotations() -> None:
    clock = Clock()
    source = SelfSigned(KIND, state=None, clock=clock, random=os.urandom)
    authority = RotatingAuthority(source, state=None, clock=clock, random=os.urandom)
    assert authority.crossed == ()
    (first,) = authority.bundle.certificates
    for number in (1, 2):
        authority.rotate()
        # while it is only trusted, what signs needs nobody to vouch for it anew
        assert len(authority.crossed) == number - 1
        authority.advance(Facts(clock(), acknowledged=True))
        clock.now += timedelta(days=100)
        authority.advance(Facts(clock(), acknowledged=True))
        assert len(authority.crossed) == number
    crosses = tuple(x509.load_pem_x509_certificate(pem) for pem in authority.crossed)
    (newest,) = authority.bundle.certificates
    assert path(crosses[0], crosses[1:], (first,)) == (*crosses, first)
    assert crosses[0].public_key() == newest.public_key()
