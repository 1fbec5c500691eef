"""Host names: short names expanded as Istio does, wildcards, and who may see what."""

from collections.abc import Iterable


def expand(host: str, *, namespace: str, domain: str) -> str:
    """The FQDN that `host` stands for in an object of `namespace`: a name without a dot is a
    Service of the same namespace, everything else is taken as it is (Istio's rule)."""
    if not host or "." in host or host.startswith("*"):
        return host
    return f"{host}.{namespace}.svc.{domain}"


def covers(pattern: str, host: str) -> bool:
    """Whether `pattern` (`*`, `*.example.com`, `*-x.example.com` or a plain host) matches `host`,
    which may be a wildcard itself."""
    if pattern == host or pattern == "*":
        return True
    if pattern.startswith("*"):
        return host.removeprefix("*").endswith(pattern[1:])
    return False


def specificity(pattern: str) -> tuple[bool, int]:
    """Sorts patterns from the widest to the most specific."""
    return (not pattern.startswith("*"), len(pattern))


def exported(export_to: Iterable[str], *, owner: str, viewer: str) -> bool:
    """Whether an object of namespace `owner` with this exportTo is seen from `viewer`."""
    seen = tuple(export_to) or ("*",)
    if "~" in seen:
        return False
    return "*" in seen or viewer in seen or ("." in seen and owner == viewer)
