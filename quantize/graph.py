"""The schema of a network's graph: the JSON in the metadata of its file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import FailFast, Field, PositiveInt, ValidationError

from quantize.limits import MOST_LAYERS, MOST_NAME
from quantize.strict import Name, Strict, first_fault
from quantize.tensor import NetworkError, TensorKind
from quantize.yaml_source import path_text

FORMAT_VERSION = 2
"""The version that this code writes where it needs to. Version 2 has attributes of several integers, version 1 has not.
"""
MOST_GRAPH = 1 << 23
"""Characters of a graph's JSON."""
MOST_COMMAS = 1 << 18
"""Commas of a graph's JSON, which bound its values. Pydantic collects a fault of each of them."""

Integer = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
Attribute = (Integer | Annotated[str, Field(max_length=MOST_NAME)]
             | Annotated[tuple[Integer, ...], Field(min_length=1, max_length=4)])
Dimension = Annotated[int, Field(ge=0, lt=1 << 31)]


class Input(Strict):
    """The tensor of the picture: its shape (h, w, c), the kind of its elements and their range."""

    shape: tuple[PositiveInt, PositiveInt, PositiveInt]
    kind: TensorKind
    lo: int
    hi: int


class Entry(Strict):
    """A node. `arrays` gives the shape and the type of each array, which lies in the file as `<node's index>.<key>`."""

    kind: Name
    name: Name
    inputs: tuple[Name, ...]
    attrs: dict[Name, Attribute]
    arrays: dict[Name, tuple[tuple[Dimension, ...], Name]]


class Graph(Strict):
    """The graph of a network."""

    version: Literal[1, 2]
    name: Name
    input: Input
    outputs: tuple[Name, ...]
    classes: tuple[Name, ...]
    nodes: Annotated[tuple[Entry, ...], Field(max_length=MOST_LAYERS), FailFast()]


def read_graph(text: str) -> Graph:
    """Return the graph of a JSON text. Raises NetworkError with one sentence about its first fault."""
    if len(text) > MOST_GRAPH:
        raise NetworkError(f"its graph must have at most {MOST_GRAPH} characters, not {len(text)}")
    if text.count(",") > MOST_COMMAS:
        raise NetworkError(f"its graph must have at most {MOST_COMMAS} commas, not {text.count(',')}")
    try:
        return Graph.model_validate_json(text)
    except ValidationError as error:
        place, sentence = first_fault(error)
    if place == ("version",):
        raise NetworkError(f"format version {sentence}")
    raise NetworkError(f"holds a damaged graph; {path_text(place)}{': ' if place else ''}{sentence}")
