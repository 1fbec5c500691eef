"""What the objects mean together; pure: converge(objects, before) -> World, then views of it.

converge      one pass: which stage follows which
draft, table  the World under construction: reads through to the one before
world, records  what a pass yields
workloads     Pods and WorkloadEntries, by address
services      services as written             endpoints    what stands behind them
policies      DestinationRules, merged and looked up
routes        VirtualServices: names resolved, flattened for one listener
destinations  which VirtualServices go into force, and which wait
mtls, peers   PeerAuthentications: what ports accept, and what clients are told
switching     from one mode to another, without a gap
contradictions  policies and rules that will not understand each other
retention     what is no longer written but still used
conflicts     several VirtualServices on one host
scopes        Sidecars and Gateways
credentials   Secrets that DestinationRules ask for in vain
secrets       Secrets, and what Gateways ask for in vain
gateways      Gateways joined: listeners, chains, what is left out
delivery      which Secrets a router is given
grouping      where a proxy stands: the views below, shared by all that see the same
  contributions, outbound (egress, listeners, tables)   what a sidecar sends to
  transport   how connections to a service are secured
  inbound, chains  what a sidecar serves       serving     what a gRPC server serves
  router      what a router runs

An object that did not change is the same value as before, and so is everything made of it:
identity tells the translators what is to be done again.
"""

from controlplane.convergence.converge import converge, restore
from controlplane.convergence.delivery import secrets_of
from controlplane.convergence.grouping import (
    Built,
    Place,
    Shared,
    build,
    left_out,
    own_view,
    place,
    retired,
    shared_view,
)
from controlplane.convergence.records import NO_BACKENDS
from controlplane.convergence.world import (
    EMPTY_WORLD,
    Options,
    Phase,
    Touched,
    Transition,
    World,
)

__all__ = [
    "EMPTY_WORLD",
    "NO_BACKENDS",
    "Built",
    "Options",
    "Phase",
    "Place",
    "Shared",
    "Touched",
    "Transition",
    "World",
    "build",
    "converge",
    "left_out",
    "own_view",
    "place",
    "restore",
    "retired",
    "secrets_of",
    "shared_view",
]
