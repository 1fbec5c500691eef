"""Every module has a test of its own name, or is named here with the test that covers it."""

import sys
from pathlib import Path

ROOTS = ("cli", "controlplane", "sds", "translators", "bench")

# module -> the test file that covers it
COVERED = {
    "cli/serve.py": "tests/e2e/test_hitless.py",
    "controlplane/app.py": "tests/e2e/test_hitless.py",
    "controlplane/convergence/assembly.py": "tests/controlplane/convergence/test_outbound.py",
    "controlplane/convergence/conflicts.py": "tests/golden/test_golden.py",
    "controlplane/convergence/contributions.py": "tests/controlplane/convergence/test_outbound.py",
    "controlplane/convergence/draft.py": "tests/controlplane/convergence/test_converge.py",
    "controlplane/convergence/egress.py": "tests/controlplane/convergence/test_outbound.py",
    "controlplane/convergence/grouping.py": "tests/controlplane/convergence/test_inbound.py",
    "controlplane/convergence/listeners.py": "tests/golden/test_golden.py",
    "controlplane/convergence/proxyless.py": "tests/e2e/test_proxyless.py",
    "controlplane/convergence/records.py": "tests/controlplane/convergence/test_endpoints.py",
    "controlplane/convergence/retention.py": "tests/controlplane/convergence/test_destinations.py",
    "controlplane/convergence/routes.py": "tests/compat/test_recorded.py",
    "controlplane/convergence/scopes.py": "tests/controlplane/convergence/test_outbound.py",
    "controlplane/convergence/services.py": "tests/golden/test_golden.py",
    "controlplane/convergence/tables.py": "tests/controlplane/convergence/test_outbound.py",
    "controlplane/convergence/workloads.py": "tests/controlplane/convergence/test_endpoints.py",
    "controlplane/convergence/world.py": "tests/controlplane/convergence/test_converge.py",
    "controlplane/kinds/catalogue.py": "tests/controlplane/kinds/test_decoding.py",
    "controlplane/kinds/commands.py": "tests/controlplane/kinds/test_headers.py",
    "controlplane/kinds/fields.py": "tests/controlplane/kinds/test_decoding.py",
    "controlplane/kinds/frames.py": "tests/controlplane/kinds/test_decoding.py",
    "controlplane/kinds/keypairs.py": "tests/controlplane/kinds/test_secrets.py",
    "controlplane/kinds/matches.py": "tests/controlplane/kinds/test_virtualservice.py",
    "controlplane/kinds/objects.py": "tests/controlplane/kinds/test_decoding.py",
    "controlplane/kinds/operations.py": "tests/controlplane/kinds/test_virtualservice.py",
    "controlplane/kinds/policies.py": "tests/controlplane/kinds/test_destinationrule.py",
    "controlplane/kinds/ports.py": "tests/controlplane/kinds/test_gateway.py",
    "controlplane/kinds/problems.py": "tests/controlplane/kinds/test_faults.py",
    "controlplane/kinds/retries.py": "tests/controlplane/kinds/test_virtualservice.py",
    "controlplane/kinds/rewrites.py": "tests/controlplane/kinds/test_virtualservice.py",
    "controlplane/sources/changes.py": "tests/controlplane/sources/test_store.py",
    "controlplane/xds/entries.py": "tests/controlplane/xds/test_session.py",
    "controlplane/xds/standing.py": "tests/controlplane/xds/test_session.py",
    "controlplane/xds/ledger.py": "tests/controlplane/xds/test_session.py",
    "controlplane/xds/refusals.py": "tests/controlplane/xds/test_session.py",
    "controlplane/xds/reports.py": "tests/controlplane/xds/test_session.py",
    "controlplane/xds/requests.py": "tests/controlplane/xds/test_session.py",
    "controlplane/xds/selection.py": "tests/controlplane/xds/test_session.py",
    "controlplane/xds/subscription.py": "tests/controlplane/xds/test_session.py",
    "controlplane/xds/callers.py": "tests/features/test_identity.py",
    "controlplane/xds/grpcserver.py": "tests/controlplane/xds/test_server.py",
    "sds/ca/authority.py": "tests/sds/test_issuer.py",
    "sds/ca/material.py": "tests/sds/ca/test_plugged.py",
    "sds/faults.py": "tests/sds/test_examination.py",
    "sds/standing.py": "tests/sds/test_rotation.py",
    "translators/address.py": "tests/translators/test_lds.py",
    "translators/ads.py": "tests/translators/test_cds.py",
    "translators/builtin.py": "tests/translators/test_cds.py",
    "translators/document.py": "tests/translators/test_bootstrap.py",
    "translators/hcm.py": "tests/translators/test_lds.py",
    "translators/headers.py": "tests/translators/test_routes.py",
    "translators/inspectors.py": "tests/translators/test_lds.py",
    "translators/origin.py": "tests/translators/test_cds.py",
    "translators/outliers.py": "tests/translators/test_cds.py",
    "translators/tcp.py": "tests/translators/test_lds.py",
    "translators/upstream.py": "tests/translators/test_cds.py",
    "translators/wire.py": "tests/controlplane/xds/test_resources.py",
}
# whole rooms that hold values only, or are covered by one file
ROOMS = {
    "translators/filters/": "tests/translators/test_filters.py",
    "translators/model/": "tests/translators/test_translation.py",
    "bench/": "docs/bench.md",
}


def covering(module: Path) -> str:
    """The test file of a module."""
    name = module.as_posix()
    for room, test in ROOMS.items():
        if name.startswith(room):
            return test
    own = (Path("tests") / module.parent / f"test_{module.name}").as_posix()
    return COVERED.get(name, own)


def main() -> int:
    root = Path(__file__).parents[1]
    faults = []
    for top in ROOTS:
        for path in sorted((root / top).rglob("*.py")):
            module = path.relative_to(root)
            if path.name in ("__init__.py", "__main__.py"):
                continue
            if not (root / covering(module)).is_file():
                faults.append(f"{module}: no {covering(module)}")
    faults += [
        f"{name} is listed and is not there" for name in COVERED if not (root / name).exists()
    ]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
