"""The demo: a small mesh on one machine, and a story of changes that no request notices.

layout      who has which address; where files are       config/, story/   the YAML
greeter, web, proto   the sample programs                proof             whom a sidecar saw; pure
ground      addresses, files, bootstraps, tokens         leash, processes  children that never stay
fleet       control plane, programs and Envoys, started in order and asked how they are
trust       what is said of certificates and roots; pure
calls, traffic, ledger, probe   requests that are never retried, and what became of each
outsider    somebody who is not in the mesh, in plaintext
checks      what a step must show; pure                  steps, desk       what a step is made of
story       what is changed, in order                    security          its steps about identity
view        the terminal                                 run               all of it together

Every Envoy proves itself to the control plane with a token of its own, gets a short certificate,
and speaks mutual TLS to the others. Everything is on loopback addresses and in the directory .demo;
nothing needs rights.
"""
