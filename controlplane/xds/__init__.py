"""xDS: what goes over the wire, in which order, and to whom.

resources     resources with content-hash versions, layers, snapshots
requests, responses   the protocol's messages as values; bytes spliced, not serialised again
subscription  what a stream asks for
entries, lots, ledger what it holds, what is under way       standing   the same for people
rollout       which stage may go out when: make before break
session       one stream: requests and snapshots in, responses out (sans-io)
selection     which names go in one poll, and in whose company
refusals, culprits    what a NACK means, and which resource it names
reports       what a session tells people
node          Node -> model.Proxy               hub        seats, one value each
callers       who stands behind a stream        grpcserver  one address: limits, handlers
server        ADS and SDS over grpc.aio: carries, decides nothing
conversation, contents, client   the ADS debug client
"""
