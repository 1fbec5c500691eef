"""The model -> Envoy; pure; knows neither kinds nor Kubernetes.

model       the language that convergence and the translators share
translation a View -> packed resources; TRANSLATORS lists the types in push order
memo        what has been translated already
tls         transport sockets of clusters and filter chains, and where their secrets come from
cds         clusters: upstream (protocols), outliers
eds         endpoints
lds         listeners: hcm (HTTP), tcp, inspectors; filters/ has the HTTP filters
rds         route tables: routes, matchers, headers
builtin     the clusters that every proxy has
names       Istio-compatible names, format and parse
origin      Istio's metadata: which object a resource comes from
bootstrap   what an Envoy bootstrap says
wire        packed resources; ads and address: small shared messages
"""

from translators.memo import Memo
from translators.rds import duplicate_domains
from translators.translation import TRANSLATORS, Translated, Translator, translate

__all__ = ["TRANSLATORS", "Memo", "Translated", "Translator", "duplicate_domains", "translate"]
