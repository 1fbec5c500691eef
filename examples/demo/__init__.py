"""The demo: a small mesh on one machine, and a story of changes that no request notices.

layout      who has which address; where files are       config/, story/   the YAML
greeter, web, proto   the sample programs                leash, processes  children that never stay
fleet       control plane, programs and Envoys, started in order and asked how they are
calls, traffic, ledger, probe   requests that are never retried, and what became of each
verdict     what a step must show; pure                  steps, story      what is changed, and when
view        the terminal                                 run               all of it together

Everything is on loopback addresses and in the directory .demo; nothing needs rights.
"""
