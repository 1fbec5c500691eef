"""The driver: from what people write to what proxies hold.

settings      what can be set
app           builds everything, starts it, stops it
keeping       which specs are kept for the next start
loop          change -> converge -> publish; owns the pace
secure        the secure port: identity, certificates, the rotation of roots
publication   World -> views -> packed resources -> a snapshot on every seat
admin         readiness, debug pages, metrics
kinds         what users write, one frozen model for each kind
sources       where documents come from, merged by the store
convergence   what the objects mean together
xds           resources, sessions, rollout, seats, the ADS server and its debug client
tasks         named tasks, backoff, the clock         telemetry   every metric and log field

Imports go down this list: app > admin, keeping > loop > publication, secure > settings, xds,
sources, convergence > kinds > tasks, telemetry. xds, sources and convergence do not know each
other: they meet in loop and publication. The translators and sds below know none of this.
"""
