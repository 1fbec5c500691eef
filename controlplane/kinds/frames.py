"""The base classes of all models: Istio's are strict, Kubernetes' read what they need.

Models are frozen and speak camelCase at the door only. `unserved` names fields that Istio knows
and we do not do yet: they are refused by name.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from controlplane.kinds.problems import Problem, together


class Frame(BaseModel):
    """What every model can do; `value` is what is kept of it."""

    unserved: ClassVar[frozenset[str]] = frozenset()

    def value(self) -> object:
        return self

    def remarks(self) -> Iterator[Problem]:
        """Warnings and hints on a good value."""
        return iter(())


class Strict(Frame):
    """A message of an Istio API: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Checked(Strict):
    """A message with rules across its fields."""

    @abstractmethod
    def problems(self) -> Iterator[Problem]: ...

    @model_validator(mode="after")
    def _check(self) -> Self:
        together(self.problems())
        return self


class Lenient(Frame):
    """A Kubernetes object: what we do not read is ignored, null is absence."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        if isinstance(value, Mapping) and None in value.values():
            return {name: part for name, part in value.items() if part is not None}
        return value


@dataclass(frozen=True, slots=True)
class Through:
    """Annotation: the field is read as `frame`, and keeps that frame's `value`."""

    frame: type[Frame]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self.frame.value, handler.generate_schema(self.frame)
        )
