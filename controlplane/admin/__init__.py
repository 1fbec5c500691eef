"""What people and probes look at over HTTP: readiness, debug pages, metrics.

pages     what each page says            servers    how it is served

`/ready` answers everybody; `/debug` answers callers on the loopback interface only, until there is
authentication.
"""
