"""Measuring, run by hand (`make bench`) and never asserted by a clock in a test.

    __main__    the command line; SCENARIOS lists what there is
    result      what a scenario gives: figures with their goals, and facts
    samples     quantiles of what was timed
    machine     on what it was measured
    report      results as a table and as JSON
    process     CPU time and memory of a process, from /proc
    mesh        the documents of a large mesh, and a directory that they are written to
    messages    discovery messages read only as far as a measuring client must
    proxies     one real Envoy that binds its own listener: weight and endpoint changes
    relay       stands between an Envoy and its control plane and times acknowledgements
    fleet       many clients: the scenario; crowd is their process, member one of them, and
                floor a server that only sends prepared bytes
    lossless    the hitless cycles of tests/e2e, many times
    passes      the work inside one process, without network

Clients and the control plane share this machine and talk over loopback. Addresses of the large
mesh are data and are never dialled; real requests go to 127.0.0.0/8 only.
"""
