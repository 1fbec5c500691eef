"""One pass: what the objects mean now, built from the World before."""

from collections.abc import Mapping
from dataclasses import replace

from controlplane.convergence import (
    conflicts,
    contradictions,
    credentials,
    destinations,
    endpoints,
    peers,
    policies,
    retention,
    scopes,
    secrets,
    services,
    workloads,
)
from controlplane.convergence.draft import Draft
from controlplane.convergence.world import EMPTY_WORLD, Options, Touched, World
from controlplane.kinds import Key, Object, Refusal


def converge(
    *,
    objects: Mapping[Key, Object],
    refused: Mapping[Key, Refusal],
    changed: frozenset[Key],
    before: World,
    now: float,
    arrived: int = 0,
) -> World:
    """The World of `objects`.

    changed  keys that may differ from what `before` was made of; the rest is not looked at
    refused  objects that are there but bad: the last good state of each stays in force
    now      monotonic seconds, for the bounded waits
    arrived  the generation that all proxies have acknowledged, as far as `before.transition` asks
    """
    draft = Draft(before=before, options=before.options, now=now, arrived=arrived)
    for key in changed:
        item = objects.get(key)
        if item is not None:
            held = draft.accepted.get(key)
            if held != item or held.order != item.order:
                draft.accepted.put(key, item)
        elif key not in refused:
            draft.accepted.drop(key)
    workloads.update(draft)
    services.update(draft)
    policies.update(draft)
    peers.update(draft)
    endpoints.update(draft)
    destinations.update(draft)
    retained = retention.update(draft, drained=before.mesh.retained)
    contradictions.update(draft)
    wild_routes = conflicts.update(draft)
    sidecars = scopes.update_sidecars(draft)
    gateways = scopes.update_gateways(draft)
    secrets.update(draft, before.mesh.gateways if gateways is None else gateways)
    credentials.update(draft)
    base = before.mesh
    if any(host.startswith("*") for _, host in draft.touched_policies):
        base = replace(base, wild_policies=policies.wildcards(draft.policies))
    base = replace(
        base,
        wild_routes=wild_routes,
        sidecars=base.sidecars if sidecars is None else sidecars,
        gateways=base.gateways if gateways is None else gateways,
        retained=retained,
        by_source=any(rules.by_source for _, rules in draft.rules.items())
        if draft.rules.changed
        else base.by_source,
    )
    deadlines = [held.deadline for _, held in draft.held.items() if held.deadline is not None]
    if draft.transition is not None:
        deadlines.append(draft.transition.deadline)
    return World(
        generation=before.generation + 1,
        options=before.options,
        touched=_touched(draft),
        changed=frozenset(draft.accepted.changed | draft.in_force.changed | draft.held.changed),
        accepted=draft.accepted.frozen(),
        in_force=draft.in_force.frozen(),
        held=draft.held.frozen(),
        said=draft.said.frozen(),
        wake_at=min(deadlines, default=None),
        transition=draft.transition,
        mesh=draft.mesh(base),
    )


def _touched(draft: Draft) -> Touched:
    return Touched(
        services=frozenset(draft.touched_services | policies.touched_by_policies(draft)),
        endpoints=frozenset(draft.touched_endpoints),
        addresses=frozenset(draft.touched_addresses),
        hosts=frozenset(draft.touched_hosts),
        namespaces=frozenset(draft.touched_namespaces),
        gateways=draft.touched_gateways,
        workloads=frozenset(draft.touched_workloads),
        secrets=frozenset(draft.touched_secrets),
    )


def restore(objects: Mapping[Key, Object], options: Options) -> World:
    """The World that was in force when the process ended, from the last good specs that were
    kept. No Pods and endpoints are in it: those are what they are now."""
    return converge(
        objects=objects,
        refused={},
        changed=frozenset(objects),
        before=replace(EMPTY_WORLD, options=options),
        now=0.0,
    )
