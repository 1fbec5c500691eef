"""What the control plane says of certificates and roots, read from its pages. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from prometheus_client.parser import text_string_to_metric_families

from examples.demo.layout import NAMESPACE, Workload

STABLE: Final = "STABLE"
_RENEWALS: Final = "meshpilot_workload_cert_renewals"
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Certificate:
    """Of one proxy: "" and None while there is none. `root` is that of the mesh's roots which
    signed it, by its fingerprint."""

    name: str
    identity: str
    state: str = ""
    fingerprint: str = ""
    root: str = ""
    end: datetime | None = None
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Rotation:
    """The stage of the CA, the fingerprints of the trusted roots, and which of them signs."""

    stage: str
    roots: tuple[str, ...]
    signer: str


def certificate(item: Mapping[str, Any]) -> Certificate:
    """An item of /debug/certs."""
    name = item["proxy"].removesuffix(f".{NAMESPACE}")
    if "chain" not in item:
        return Certificate(name, item["identity"], item.get("state", ""))
    leaf = x509.load_pem_x509_certificates(item["chain"].encode())[0]
    roots = x509.load_pem_x509_certificates(item["roots"].encode())
    return Certificate(
        name,
        item["identity"],
        item["state"],
        _fingerprint(leaf),
        next((_fingerprint(root) for root in roots if _signed(leaf, root)), ""),
        leaf.not_valid_after_utc,
        item["acknowledged"],
    )


def rotation(page: Mapping[str, Any]) -> Rotation:
    """The page /debug/ca."""
    roots = tuple(root["fingerprint"] for root in page["roots"])
    signer = next((root["fingerprint"] for root in page["roots"] if root["signs"]), "")
    return Rotation(page["stage"], roots, signer)


def made(metrics: str) -> int:
    """How many certificates were made, from /metrics."""
    return sum(
        int(sample.value)
        for family in text_string_to_metric_families(metrics)
        if family.name == _RENEWALS
        for sample in family.samples
        if sample.name == f"{_RENEWALS}_total" and sample.labels["outcome"] == "made"
    )


def short(fingerprint: str) -> str:
    """As much of it as people compare."""
    return fingerprint[:_SHOWN]


def unproven(found: Sequence[Certificate], workloads: Sequence[Workload]) -> list[str]:
    """Workloads whose Envoy is not connected as them, or has not acknowledged its certificate."""
    known = {one.name: one for one in found if one.acknowledged}
    return [
        f"the Envoy of {workload.name} is not proven to be {workload.identity}"
        for workload in workloads
        if workload.name not in known or known[workload.name].identity != workload.identity
    ]


def unrotated(found: Sequence[Certificate], now: Rotation, *, old: str) -> list[str]:
    """What is wrong after a rotation away from the root `old`."""
    wrong = []
    if now.stage != STABLE:
        wrong.append(f"the rotation has not ended: its stage is {now.stage}")
    if now.roots != (now.signer,) or now.signer == old:
        wrong.append(f"trusted are {[short(root) for root in now.roots]}, not one new root")
    wrong += [
        f"{one.name}'s certificate is not of the new root"
        for one in found
        if one.root != now.signer
    ]
    return wrong


def _signed(leaf: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _fingerprint(found: x509.Certificate) -> str:
    return found.fingerprint(hashes.SHA256()).hex()
