"""Identity and certificates: who a workload is, what proves it, and when the proof is renewed.

identity      SPIFFE ids, parsed and printed
template      what a certificate will say: requests, lifetimes, leaves
secrets       bundles and key pairs, whose keys are never shown
check         whether a certificate keeps what was promised
examination, faults   what is wrong with one, for people        paths   who signed whom
lifecycle     one workload certificate on the clock
stages        the rotation of a root, stage by stage       standing   where it stands
limits        how much may be asked for
issuer        template -> sign -> check           attest    who is calling
rotation      the authority that carries a rotation out
tokens        tokens of a local issuer
ca/           where signatures come from

All but issuer, attest, rotation, tokens and ca are pure; time and randomness are parameters of
those, too. Knows neither the control plane nor the translators. The identity in a
certificate is the caller's, proven; never what a request says. Private keys stay out of logs,
reprs, metrics and messages; what an error says is for people and holds no secret.
"""
