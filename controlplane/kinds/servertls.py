"""The `tls` block of a Gateway's server: what the router presents, and asks of its callers."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from controlplane.kinds.fields import Filled, Flag, Text
from controlplane.kinds.frames import Checked, Strict
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Problem, refuse, unserved

_SPKI: Final = 44  # characters of 32 bytes in base64
_HASHES: Final = (64, 95)  # characters of 32 bytes in hex, without and with colons
_MOST: Final = 2  # an RSA and an ECDSA certificate

# what Envoy's library knows; it refuses a listener for any other
_CIPHERS: Final = frozenset(
    {
        f"ECDHE-{kind}-{cipher}"
        for kind in ("ECDSA", "RSA")
        for cipher in (
            "AES128-GCM-SHA256",
            "AES256-GCM-SHA384",
            "CHACHA20-POLY1305",
            "AES128-SHA",
            "AES256-SHA",
        )
    }
    | {"AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA"}
)
_VERSIONS: Final = {
    "TLS_AUTO": "",
    "TLSV1_0": "TLSv1_0",
    "TLSV1_1": "TLSv1_1",
    "TLSV1_2": "TLSv1_2",
    "TLSV1_3": "TLSv1_3",
}
Version = Literal["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"]


class ServerTlsMode(StrEnum):
    PASSTHROUGH = "PASSTHROUGH"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"

    @property
    def terminates(self) -> bool:
        """Whether the router itself speaks TLS with the caller."""
        return self not in (ServerTlsMode.PASSTHROUGH, ServerTlsMode.AUTO_PASSTHROUGH)

    @property
    def asks(self) -> bool:
        """Whether the caller's certificate is checked against a CA that the user names."""
        return self in (ServerTlsMode.MUTUAL, ServerTlsMode.OPTIONAL_MUTUAL)


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What a `tls` block says. `credentials` name Secrets, `files` are (certificate, key) as paths
    at the proxy; `ca` and `roots` are the same for what callers are verified with."""

    mode: ServerTlsMode = ServerTlsMode.PASSTHROUGH
    redirect: bool = False
    credentials: tuple[str, ...] = ()
    ca: str = ""
    files: tuple[tuple[str, str], ...] = ()
    roots: str = ""
    crl: str = ""
    sans: tuple[str, ...] = ()
    spki: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    minimum: str = ""
    maximum: str = ""
    ciphers: tuple[str, ...] = ()
    unverified: bool = False


def _credential(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if not separator:
        return value
    if scheme not in ("kubernetes", "kubernetes-gateway"):
        raise unserved(f"{scheme}://", "name a Secret")
    if scheme == "kubernetes-gateway" and not all(rest.partition("/")):
        raise refuse(
            "Credential",
            "it has a namespace and a name",
            'write "kubernetes-gateway://namespace/name"',
        )
    return value


def _spki(value: str) -> str:
    if len(value) != _SPKI:
        raise refuse("Hash", "this is no SHA-256 in base64", f"write its {_SPKI} characters")
    return value


def _hash(value: str) -> str:
    if len(value.replace(":", "")) != _HASHES[0] or len(value) not in _HASHES:
        raise refuse("Hash", "this is no SHA-256 in hex", f"write its {_HASHES[0]} digits")
    return value


Credential = Annotated[Text, AfterValidator(_credential)]


class Files(Strict):
    """One of `tlsCertificates`."""

    server_certificate: Filled
    private_key: Filled
    ca_certificates: Text = ""


class TlsFrame(Checked):
    https_redirect: Flag = False
    mode: ServerTlsMode = ServerTlsMode.PASSTHROUGH
    server_certificate: Text = ""
    private_key: Text = ""
    ca_certificates: Text = ""
    ca_crl: Text = ""
    credential_name: Credential = ""
    credential_names: Annotated[tuple[Credential, ...], Field(max_length=_MOST)] = ()
    ca_cert_credential_name: Credential = ""
    tls_certificates: Annotated[tuple[Files, ...], Field(max_length=_MOST)] = ()
    subject_alt_names: tuple[Filled, ...] = ()
    verify_certificate_spki: tuple[Annotated[Text, AfterValidator(_spki)], ...] = ()
    verify_certificate_hash: tuple[Annotated[Text, AfterValidator(_hash)], ...] = ()
    min_protocol_version: Version = "TLS_AUTO"
    max_protocol_version: Version = "TLS_AUTO"
    cipher_suites: tuple[Text, ...] = ()
    insecure_skip_verify: Flag = False

    def value(self) -> ServerTls:
        first = (self.server_certificate, self.private_key)
        files = ((first,) if all(first) else ()) + tuple(
            (one.server_certificate, one.private_key) for one in self.tls_certificates
        )
        roots = (self.ca_certificates, *(one.ca_certificates for one in self.tls_certificates))
        return ServerTls(
            mode=self.mode,
            redirect=self.https_redirect,
            credentials=self._credentials,
            ca=self.ca_cert_credential_name,
            files=files,
            roots=next(filter(None, roots), ""),
            crl=self.ca_crl,
            sans=self.subject_alt_names,
            spki=self.verify_certificate_spki,
            hashes=self.verify_certificate_hash,
            minimum=_VERSIONS[self.min_protocol_version],
            maximum=_VERSIONS[self.max_protocol_version],
            ciphers=tuple(dict.fromkeys(c for c in self.cipher_suites if c in _CIPHERS)),
            unverified=self.insecure_skip_verify,
        )

    @property
    def _credentials(self) -> tuple[str, ...]:
        return (self.credential_name,) if self.credential_name else self.credential_names

    @property
    def plain(self) -> bool:
        """Whether nothing but httpsRedirect is asked for: what a plaintext port may have."""
        files = (self.server_certificate, self.private_key, self.ca_certificates)
        return self.mode is ServerTlsMode.PASSTHROUGH and not any(files)

    @property
    def _written(self) -> Iterator[tuple[str, str]]:
        """The certificates that are asked for, by field."""
        yield "serverCertificate", self.server_certificate
        yield "privateKey", self.private_key
        yield "caCertificates", self.ca_certificates
        yield "credentialName", self.credential_name
        yield "credentialNames", ", ".join(self.credential_names)

    def problems(self) -> Iterator[Problem]:
        if self.credential_name and self.credential_names:
            yield Problem(
                ("credentialNames",),
                "OneOf",
                "credentialName names the certificate already",
                "list all names in credentialNames",
            )
        if self.mode is ServerTlsMode.ISTIO_MUTUAL:
            for name, value in self._written:
                if value:
                    yield Problem(
                        (name,),
                        "NotAllowed",
                        "ISTIO_MUTUAL uses the certificates of the mesh",
                        f"remove {name}, or write mode MUTUAL",
                        value,
                    )
        elif self.mode.terminates and not self._credentials:
            yield from self._files()
        if self.ca_crl and self.mode in (ServerTlsMode.SIMPLE, ServerTlsMode.ISTIO_MUTUAL):
            yield Problem(
                ("caCrl",),
                "NotAllowed",
                f"{self.mode} asks callers for no certificate of a CA that is named here",
                "write mode MUTUAL, or remove it",
                self.ca_crl,
            )

    def _files(self) -> Iterator[Problem]:
        if not self.tls_certificates:
            if not self.server_certificate:
                yield _required("serverCertificate", f"{self.mode} needs a certificate")
            if not self.private_key:
                yield _required("privateKey", f"{self.mode} needs the key of its certificate")
        elif self.server_certificate or self.private_key:
            yield Problem(
                ("tlsCertificates",),
                "OneOf",
                "serverCertificate and privateKey name one already",
                "list all certificates in tlsCertificates",
            )
        roots = any(one.ca_certificates for one in self.tls_certificates)
        named = self.ca_certificates or self.ca_cert_credential_name or roots
        if self.mode.asks and not named and not self.insecure_skip_verify:
            yield _required(
                "caCertificates", f"{self.mode} needs CA certificates to verify callers"
            )

    def remarks(self) -> Iterator[Problem]:
        seen: set[str] = set()
        for place, cipher in enumerate(self.cipher_suites):
            if cipher not in _CIPHERS:
                yield _ignored(place, "Cipher", "there is no such cipher suite", cipher)
            elif cipher in seen:
                yield _ignored(place, "DuplicateCipher", "it is listed twice", cipher)
            seen.add(cipher)
        if not self.mode.terminates and any(v for _, v in self._written):
            yield Problem(
                ("mode",),
                "Ineffective",
                f"{self.mode} does not use certificates, they are ignored",
                "remove them, or write the mode that uses them",
                severity=Severity.WARNING,
            )
        named = (self.subject_alt_names, self.verify_certificate_spki, self.verify_certificate_hash)
        if self.mode is ServerTlsMode.OPTIONAL_MUTUAL and any(named):
            yield Problem(
                ("mode",),
                "Ineffective",
                "where callers are known by names or hashes, Envoy refuses those without a "
                "certificate, as with MUTUAL",
                "write mode MUTUAL, or remove the names and hashes",
                severity=Severity.WARNING,
            )
        if self.insecure_skip_verify and self.mode.asks:
            yield Problem(
                ("insecureSkipVerify",),
                "Unverified",
                "callers are let in whoever signed their certificates, and without any: neither "
                "names nor hashes keep anybody out",
                "remove it where callers have to prove who they are",
                True,
                Severity.WARNING,
            )
        low, high = (
            list(_VERSIONS).index(v) for v in (self.min_protocol_version, self.max_protocol_version)
        )
        if high and low > high:
            yield Problem(
                ("maxProtocolVersion",),
                "VersionRange",
                f"it is below minProtocolVersion {self.min_protocol_version}: nobody can connect",
                "raise it, or leave it out",
                self.max_protocol_version,
                Severity.WARNING,
            )


def _required(name: str, why: str) -> Problem:
    return Problem((name,), "Required", why, f"add {name}, or credentialName")


def _ignored(place: int, reason: str, why: str, cipher: str) -> Problem:
    return Problem(
        ("cipherSuites", place),
        reason,
        f"{why}, so it is ignored",
        "remove it",
        cipher,
        Severity.WARNING,
    )
