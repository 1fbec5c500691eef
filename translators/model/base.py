"""What every part of the model may say of itself: the object it came from, and its labels."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """The written object that a value of the model comes from.

    File, document and line are looked up by this reference, so that a comment moved in a file
    changes no value of the model.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


Labels = Mapping[str, str]


def selects(selector: Labels, labels: Labels) -> bool:
    """Whether `labels` has every pair of `selector`; an empty selector selects all."""
    return all(labels.get(key) == value for key, value in selector.items())
