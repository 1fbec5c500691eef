"""Certificates for tests: a root, and leaves of it, made by the code that makes real ones."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography.hazmat.primitives.asymmetric import ec

from sds.ca.material import Material
from sds.ca.selfsigned import Kind, make_root
from sds.identity import SpiffeId
from sds.secrets import KeyPair, encode, encode_key
from sds.template import Template, Validity, leaf


@dataclass(frozen=True)
class Root:
    """A root that signs what it is asked to."""

    material: Material

    @classmethod
    def made(cls, trust_domain: str = "cluster.local") -> "Root":
        return cls(make_root(Kind(trust_domain), now=datetime.now(UTC), serial=_serial()))

    @property
    def pem(self) -> bytes:
        return encode(self.material.roots)

    def pair(
        self,
        namespace: str,
        account: str,
        *,
        trust_domain: str = "cluster.local",
        seconds: float = 3600,
        dns_names: tuple[str, ...] = (),
        ips: tuple[str, ...] = (),
    ) -> KeyPair:
        """A certificate that lasts `seconds` from now (negative: it has ended), with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        end = now + timedelta(seconds=seconds)
        template = Template(
            identity=SpiffeId(trust_domain, namespace, account),
            public_key=key.public_key(),
            validity=Validity(min(now, end) - timedelta(minutes=2), end),
            serial=_serial(),
            dns_names=dns_names,
            ips=tuple(ip_address(ip) for ip in ips),
        )
        made = leaf(template, issuer=self.material.certificate, key=self.material.key)
        return KeyPair(encode((made,)), encode_key(key))

    def server(self) -> KeyPair:
        """For a control plane on this machine."""
        return self.pair(
            "istio-system",
            "istiod",
            dns_names=("istiod.istio-system.svc", "localhost"),
            ips=("127.0.0.1", "::1"),
        )


def _serial() -> int:
    return int.from_bytes(os.urandom(15), "big") + 1
