"""The secure port: who calls is proven before anything is said.

front         TLS at the door: a client may show a certificate, and what it showed is remembered
callers       from a connection and its metadata to a SPIFFE identity
certificates  IstioCertificateService: a signing request in, a certificate chain out
keyring       certificates and keys that are delivered over SDS, renewed in time
trust         rotation of the root, in step with what the proxies have acknowledged

gRPC for Python knows servers that demand a certificate of every client and servers that ask for
none, but no server that takes one where there is one. So TLS ends in `front`, and gRPC listens
behind it on a socket that only `front` is let in at.
"""
