"""What an engine costs, estimated from its structure before there is any RTL.

    lut, ff = sum over the features of its pieces of coefficient * number

`costs/<family>.json` has the coefficients, and the errors of estimates for engines outside the fit.
`python -m benchmarks.costs` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Protocol

from tbn_hw.costs.features import pieces
from tbn_hw.costs.piece import Piece
from tbn_hw.families.cells import FIGURES
from tbn_hw.shared.errors import UsageError

FITTED = ("lut", "ff")
"""The figures that are fitted."""


class Engine(Protocol):
    """An engine of any architecture."""

    def component(self) -> Any:
        """Its Amaranth component."""


@dataclass(frozen=True)
class Error:
    """Errors of LUT estimates outside the sweep, in percent.

    The median and the worst are those of `engines` that do a layer's work. The total is that of the sum of all engines,
    with queues and ports.
    """

    engines: int
    median_percent: float
    worst_percent: float
    total_percent: float


@dataclass(frozen=True)
class CostModel:
    """Coefficients of a family, by form, figure and feature."""

    family: str
    forms: Mapping[str, Mapping[str, Mapping[str, float]]]
    error: Error
    networks: Mapping[str, float] = field(default_factory=dict)
    """By how many percent the LUTs of whole networks, which are not in the sweep, are estimated too high or too low."""

    def of(self, component: Any) -> dict[str, float]:
        """The estimated FIGURES of a component, or of all components of an engine."""
        total = dict.fromkeys(FIGURES, 0.0)
        for piece in pieces(component, self.family):
            for figure, value in self.piece(piece).items():
                total[figure] += value
        return total

    def piece(self, piece: Piece) -> dict[str, float]:
        """The estimated FIGURES of a piece."""
        coefficients = self.forms.get(piece.form, {})
        fitted = {figure: sum(coefficients.get(figure, {}).get(name, 0.0) * number
                              for name, number in piece.features.items()) for figure in FITTED}
        return fitted | {"bram": piece.bram, "dsp": piece.dsp}

    def engine(self, engine: Engine) -> dict[str, float]:
        """The estimated FIGURES of an engine."""
        return self.of(engine.component())


@cache
def cost_model(family: str) -> CostModel:
    """The cost model of a family; raises UsageError where none is fitted."""
    file = resources.files("tbn_hw.costs").joinpath(f"{family}.json")
    if not file.is_file():
        raise UsageError(f"there is no cost model of {family} yet; python -m benchmarks.costs --families {family} "
                         "fits one")
    content = json.loads(file.read_text())
    return CostModel(family, content["forms"], Error(**content["error"]), content["networks"])
