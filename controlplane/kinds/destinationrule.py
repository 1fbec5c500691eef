"""DestinationRule (networking.istio.io): subsets of a service, and how to connect to them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from controlplane.kinds.fields import ExportTo, LabelMap, LabelName, WildcardDomain
from controlplane.kinds.frames import Strict
from controlplane.kinds.policies import TrafficPolicyFrame
from controlplane.kinds.problems import Problem, together
from translators.model import TrafficPolicy


class WithPolicy(Strict):
    traffic_policy: TrafficPolicyFrame | None = None

    @property
    def policy(self) -> TrafficPolicy | None:
        return self.traffic_policy.policy if self.traffic_policy else None

    @property
    def port_policies(self) -> Mapping[int, TrafficPolicy]:
        """Policies that replace `policy` for one port."""
        return self.traffic_policy.port_policies if self.traffic_policy else {}


class Subset(WithPolicy):
    """Endpoints that have all of `labels`, under a name; without labels, all of them."""

    name: LabelName
    labels: LabelMap = Field(default_factory=dict)


def _distinct(value: tuple[Subset, ...]) -> tuple[Subset, ...]:
    names = [subset.name for subset in value]
    together(
        Problem(
            (place, "name"),
            "DuplicateSubset",
            f"subset {names.index(name)} has the same name",
            "give every subset a name of its own",
            name,
        )
        for place, name in enumerate(names)
        if name in names[:place]
    )
    return value


class DestinationRuleSpec(WithPolicy):
    unserved: ClassVar = frozenset({"workloadSelector"})

    host: WildcardDomain
    subsets: Annotated[tuple[Subset, ...], AfterValidator(_distinct)] = ()
    export_to: ExportTo = ()

    def remarks(self) -> Iterator[Problem]:
        if self.traffic_policy is not None:
            for problem in self.traffic_policy.remarks():
                yield problem._replace(path=("trafficPolicy", *problem.path))
        for place, subset in enumerate(self.subsets):
            if subset.traffic_policy is not None:
                for problem in subset.traffic_policy.remarks():
                    yield problem._replace(path=("subsets", place, "trafficPolicy", *problem.path))
