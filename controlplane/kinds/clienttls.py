"""The tls block of a traffic policy: what clients speak to a destination."""

from collections.abc import Iterator

from controlplane.kinds.fields import Flag, Text
from controlplane.kinds.frames import Checked
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Problem
from translators import model
from translators.model import TlsMode


class ClientTls(Checked):
    """`mode` absent is DISABLE, the first of the message's enumeration."""

    mode: TlsMode = TlsMode.DISABLE
    client_certificate: Text = ""
    private_key: Text = ""
    ca_certificates: Text = ""
    ca_crl: Text = ""
    credential_name: Text = ""
    subject_alt_names: tuple[Text, ...] = ()
    sni: Text = ""
    insecure_skip_verify: Flag = False

    def value(self) -> model.ClientTls:
        return model.ClientTls(
            mode=self.mode,
            certificate=self.client_certificate,
            key=self.private_key,
            roots=self.ca_certificates,
            crl=self.ca_crl,
            credential=self.credential_name,
            # an empty name would be a name that no certificate has
            sans=tuple(filter(None, self.subject_alt_names)),
            sni=self.sni,
            unverified=self.insecure_skip_verify,
        )

    def problems(self) -> Iterator[Problem]:
        files = self.client_certificate or self.private_key or self.ca_certificates or self.ca_crl
        if self.credential_name and files:
            yield Problem(
                ("credentialName",),
                "OneOf",
                "certificates come from one Secret or from files",
                "keep credentialName or the paths",
                self.credential_name,
            )
        if self.mode is TlsMode.MUTUAL and not self.credential_name:
            for name, path in (
                ("clientCertificate", self.client_certificate),
                ("privateKey", self.private_key),
            ):
                if not path:
                    yield Problem(
                        (name,),
                        "Required",
                        "mode MUTUAL presents a certificate",
                        "write its path, or a credentialName",
                    )
        if self.insecure_skip_verify and (self.ca_certificates or self.subject_alt_names):
            yield Problem(
                ("insecureSkipVerify",),
                "OneOf",
                "what is not verified needs neither roots nor names",
                "remove insecureSkipVerify, or caCertificates and subjectAltNames",
                True,
            )
        if self.insecure_skip_verify and self.credential_name and self.mode is TlsMode.SIMPLE:
            yield Problem(
                ("insecureSkipVerify",),
                "OneOf",
                "a SIMPLE credential has nothing but what the server is verified with",
                "remove insecureSkipVerify or credentialName",
                True,
            )

    def remarks(self) -> Iterator[Problem]:
        if self.credential_name and self.mode in (TlsMode.SIMPLE, TlsMode.MUTUAL):
            yield Problem(
                ("credentialName",),
                "RoutersOnly",
                "credentials are for routers: sidecars that follow this rule speak plaintext",
                "give sidecars the paths of files, in a DestinationRule of their own namespace",
                self.credential_name,
                Severity.WARNING,
            )
