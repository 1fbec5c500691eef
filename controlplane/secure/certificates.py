"""IstioCertificateService: a signing request in, a certificate chain out.

Whom a certificate names is who called, whatever the request says. Status codes and texts are
istiod's, so that its agents behave with us as they do with it.
"""

from collections.abc import Mapping
from typing import Any, Final

import grpc
from cryptography import x509

from controlplane import telemetry
from controlplane.xds.callers import Callers, UnauthenticatedError
from proto.certificates_pb2 import (
    DESCRIPTOR,
    IstioCertificateRequest,
    IstioCertificateResponse,
)
from sds.issuer import Issuer, RateLimited, Refused, SigningFailed

SERVICE: Final = DESCRIPTOR.services_by_name["IstioCertificateService"].full_name
_IMPERSONATED: Final = "ImpersonatedIdentity"


class CertificateService:
    """Signs for callers who proved who they are."""

    def __init__(self, issuer: Issuer, *, callers: Callers, metrics: telemetry.Telemetry) -> None:
        self._issuer = issuer
        self._callers = callers
        self._metrics = metrics
        self._log = telemetry.log("ca")

    def handler(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "CreateCertificate": grpc.unary_unary_rpc_method_handler(
                    self._create,
                    request_deserializer=IstioCertificateRequest.FromString,
                    response_serializer=IstioCertificateResponse.SerializeToString,
                )
            },
        )

    async def _create(
        self, request: IstioCertificateRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> IstioCertificateResponse:
        metrics = self._metrics
        metrics.csrs.inc()
        try:
            caller = await self._callers.identify(
                context.peer(), context.invocation_metadata() or ()
            )
        except UnauthenticatedError:
            caller = None
        if caller is None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "request authenticate failure")
        if _impersonates(request):
            # only node proxies may ask for others, and there are none here
            metrics.unauthenticated.inc()
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED, "request impersonation authentication failure"
            )
        try:
            chain = await self._issuer.sign_csr(caller, request.csr, request.validity_duration)
        except Refused as error:
            metrics.csr_errors.inc()
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except RateLimited as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except SigningFailed as error:
            metrics.signing_errors.inc()
            self._log.error(
                "signing_failed",
                identity=str(caller),
                error=str(error),
                why=str(error.__cause__ or ""),
            )
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        metrics.issued.inc()
        self._log.info("certificate_signed", identity=str(caller), **facts(chain[0]))
        return IstioCertificateResponse(cert_chain=chain)


def facts(pem: str) -> Mapping[str, str]:
    """What a log says of a certificate."""
    leaf = x509.load_pem_x509_certificate(pem.encode())
    return {"serial": f"{leaf.serial_number:x}", "end": leaf.not_valid_after_utc.isoformat()}


def _impersonates(request: IstioCertificateRequest) -> bool:
    fields: Mapping[str, Any] = request.metadata.fields
    return _IMPERSONATED in fields and bool(fields[_IMPERSONATED].string_value)
