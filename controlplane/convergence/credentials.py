"""DestinationRules that name a Secret which no namespace has: routers that present it, or verify
servers with it, get nothing, and what they send there fails. It says so, and changes nothing."""

from collections.abc import Iterator
from typing import Final

from controlplane.convergence.draft import Draft
from controlplane.kinds import DestinationRuleSpec, Key, Severity, Verdict
from translators.model import TrafficPolicy

FAMILY: Final = "rule-credentials"
_KIND: Final = "DestinationRule"


def update(draft: Draft) -> None:
    """Look at rules that changed, and at all that name a Secret when Secrets came or went."""
    concerned = set(draft.changed_of((_KIND,)))
    if draft.secrets.changed:
        concerned |= {key for _, policy in draft.policies.items() for key in policy.keys}
    if not concerned:
        return
    there = {id.name for id in draft.secrets}
    for key in concerned:
        draft.say(FAMILY, key, _verdicts(draft, key, there))


def _verdicts(draft: Draft, key: Key, there: set[str]) -> Iterator[Verdict]:
    item = draft.accepted.get(key)
    if item is None or not isinstance(item.spec, DestinationRuleSpec):
        return
    for field, credential in _named(item.spec):
        name = credential.removeprefix("kubernetes://")
        if name in there or f"{name}-cacert" in there:
            continue
        yield Verdict(
            object=key,
            severity=Severity.ERROR,
            reason="MissingSecret",
            field=f"{field}.tls.credentialName",
            message=f'there is no Secret "{name}" in any namespace: routers wait 15 s for it, and '
            "then what they send to this host fails",
            remedy="write the Secret in the namespace of the routers",
        )


def _named(spec: DestinationRuleSpec) -> Iterator[tuple[str, str]]:
    """(field, credential) of every policy in the rule."""
    yield from _of("spec.trafficPolicy", spec.policy)
    for port, policy in spec.port_policies.items():
        yield from _of(f"spec.trafficPolicy.portLevelSettings[port {port}]", policy)
    for place, subset in enumerate(spec.subsets):
        yield from _of(f"spec.subsets[{place}].trafficPolicy", subset.policy)


def _of(field: str, policy: TrafficPolicy | None) -> Iterator[tuple[str, str]]:
    if policy is not None and policy.tls is not None and policy.tls.credential:
        yield field, policy.tls.credential
