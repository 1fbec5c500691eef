"""VirtualServices by host, the oldest first, and what is to be said where several share one."""

from controlplane.convergence.draft import Draft
from controlplane.convergence.hosts import specificity
from controlplane.convergence.records import MESH, Rules
from controlplane.kinds import Key, Severity, Verdict


def update(draft: Draft) -> tuple[str, ...]:
    """File the rules of touched hosts again; the wildcard hosts, the most specific first."""
    wild = draft.before.mesh.wild_routes
    for host in draft.touched_hosts:
        ruling = (draft.rules.get(key) for key in draft.ruling.get(host))
        found = sorted((r for r in ruling if r is not None), key=lambda r: (r.age, r.key))
        draft.routes.set(host, tuple(found) or None)
        _say(draft, host, found)
    if any(host.startswith("*") for host in draft.touched_hosts):
        hosts = (host for host in draft.routes if host.startswith("*"))
        wild = tuple(sorted(hosts, key=specificity, reverse=True))
    return wild


def _say(draft: Draft, host: str, found: list[Rules]) -> None:
    """The oldest wins for sidecars; on gateways all are joined, oldest first."""
    family = f"host:{host}"
    for key in {r.key for r in found} | draft.spoken.get(host):
        draft.say(family, key, ())
        draft.spoken.remove(host, key)
    in_mesh = [rules for rules in found if MESH in rules.gateways]
    for index, rules in enumerate(found):
        verdicts: list[Verdict] = []
        earlier = [r for r in in_mesh if r is not rules and found.index(r) < index]
        winner = next((r for r in earlier if _overlap(r, rules)), None)
        if MESH in rules.gateways and winner is not None:
            verdicts.append(_shadowed(rules.key, winner.key, host))
        shared = [r.key for r in found if r is not rules and (r.gateways & rules.gateways) - {MESH}]
        if shared:
            verdicts.append(_joined(rules.key, tuple(shared), host))
        if verdicts:
            draft.say(family, rules.key, verdicts)
            draft.spoken.add(host, rules.key)


def _overlap(one: Rules, other: Rules) -> bool:
    """Whether some namespace sees both."""

    def seen(rules: Rules) -> frozenset[str]:
        return frozenset(rules.key.namespace if e == "." else e for e in rules.export_to)

    a, b = seen(one), seen(other)
    return "*" in a or "*" in b or bool(a & b)


def _shadowed(key: Key, winner: Key, host: str) -> Verdict:
    return Verdict(
        object=key,
        severity=Severity.WARNING,
        reason="HostShadowed",
        field="spec.hosts",
        message=f"host {host} is already routed by VirtualService "
        f"{winner.namespace}/{winner.name}, which is older; for sidecars these routes have "
        "no effect",
        remedy="put the rules of one host into one VirtualService",
        others=(winner,),
    )


def _joined(key: Key, others: tuple[Key, ...], host: str) -> Verdict:
    names = ", ".join(f"{k.namespace}/{k.name}" for k in others)
    return Verdict(
        object=key,
        severity=Severity.INFO,
        reason="RoutesJoined",
        field="spec.hosts",
        message=f"on gateways the routes of host {host} are joined with those of {names}, "
        "oldest first, catch-alls last",
        remedy="",
        others=others,
    )
