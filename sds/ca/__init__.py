"""Where signatures come from.

authority     what everyone above sees, whoever signs
material      a signing key with its certificate, chain and roots
selfsigned    a root of our own, made on first start
plugged       a key that somebody else put there: Istio's `cacerts`, cert-manager's files
lists         revoked certificates, for proxies
crossing      a new root, vouched for by the one before
remote        another server signs
rootstate     the stage of a rotation, kept on disk
files         atomic, private files

A source (selfsigned, plugged) yields material; `sds.rotation.RotatingAuthority` signs with it, and
changes from one to the next in stages. Nothing here watches a file, opens a socket or waits.
"""

from sds.ca.authority import Authority, AuthorityError
from sds.ca.material import Material, MaterialError, Reload, Source

__all__ = ["Authority", "AuthorityError", "Material", "MaterialError", "Reload", "Source"]
