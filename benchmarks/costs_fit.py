"""Least squares for `benchmarks.costs`: non-negative coefficients with the least relative errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import nnls

from tbn_hw.costs.features import pieces
from tbn_hw.costs.model import FITTED, CostModel, Error
from tbn_hw.costs.piece import Piece
from tbn_hw.streaming.accelerator import Engine

SMALL = 12.0
"""Added to a figure before an error is taken relative to it, so that one LUT of five does not count as 20 %."""

PRIOR_WEIGHT = 0.3
"""The weight of a difference from the prior, in the share of a feature, against the relative error of an engine."""

PARTS = {"weights": "weights", "windows": "windows", "accumulators": "accumulators", "queues": "queues"}
"""Form of a cost piece -> the part of the report that synthesis counts it in.

Other forms of an MVU are in the part `products`. Other forms of other engines are all that is not in `queues`.
"""

Measured = Mapping[str, Any]
Numbers = dict[str, float]
Forms = Mapping[str, Mapping[str, Mapping[str, float]]]


def observations(engine: Engine, measured: Measured, family: str) -> Iterator[tuple[str, Numbers, Numbers]]:
    """Yield (form, features, measured figures) for each form in an engine."""
    grouped: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces(engine.component(), family):
        grouped[piece.form].append(piece)
    whole = engine.kind in ("conv", "dense") and "products" not in measured["parts"]
    for form, found in grouped.items():
        if whole and form not in ("windows", "queues"):
            continue  # the weights are constants, and synthesis reports all these forms as one
        features: dict[str, float] = defaultdict(float)
        for piece in found:
            for name, number in piece.features.items():
                features[name] += number
        yield form, dict(features), {figure: _measured(engine, form, measured, figure) for figure in FITTED}


def _measured(engine: Engine, form: str, measured: Measured, figure: str) -> float:
    parts = measured["parts"]
    if engine.node is None:
        return float(measured[figure])
    if form in PARTS:
        return float(parts.get(PARTS[form], {figure: 0})[figure])
    if engine.kind in ("conv", "dense"):
        return float(parts["products"][figure])
    return float(measured[figure] - parts.get("queues", {figure: 0})[figure])


def fit(engines: Sequence[tuple[Engine, Measured]], family: str, prior: Forms | None = None) -> Forms:
    """The coefficients by form, figure and feature.

    `prior` has the coefficients of another family. The result stays near them where the engines do not decide, so a
    few engines of each kind are enough.
    """
    rows: dict[str, list[tuple[Numbers, Numbers]]] = defaultdict(list)
    for engine, measured in engines:
        for form, features, figures in observations(engine, measured, family):
            rows[form].append((features, figures))
    found = {form: {figure: _solve(rows[form], figure, (prior or {}).get(form, {}).get(figure)) for figure in FITTED}
             for form in sorted(rows)}
    return {**(prior or {}), **found}


def _solve(rows: Sequence[tuple[Numbers, Numbers]], figure: str, prior: Mapping[str, float] | None) -> Numbers:
    names = sorted({name for features, _ in rows for name in features}
                   | set(prior or ()))
    names = [name for name in names if figure == "ff" or not name.endswith("register")]
    matrix = np.array([[features.get(name, 0) for name in names] for features, _ in rows], float)
    wanted = np.array([figures[figure] for _, figures in rows], float)
    scale = 1 / (wanted + SMALL)
    matrix, wanted = matrix * scale[:, None], wanted * scale
    if prior is not None:
        usual = np.array([column[column > 0].mean() if column.any() else 1.0 for column in matrix.T])
        matrix = np.vstack([matrix, PRIOR_WEIGHT * np.diag(usual)])
        wanted = np.append(wanted, PRIOR_WEIGHT * usual * [prior.get(name, 0) for name in names])
    solution, _ = nnls(matrix, wanted)
    return {name: round(float(value), 5) for name, value in zip(names, solution, strict=True)}


def error(model: CostModel, engines: Sequence[tuple[Engine, Measured]]) -> Error:
    """The errors of the LUT estimates in percent: median and worst of the engines that are layers, and of the total."""
    pairs = np.array([(model.engine(engine)["lut"], measured["lut"]) for engine, measured in engines])
    layers = np.array([engine.node is not None for engine, _ in engines])
    missed = 100 * abs(pairs[layers, 0] / pairs[layers, 1] - 1)
    total = pairs.sum(axis=0)
    return Error(int(layers.sum()), *(round(float(value), 2) for value in (
        np.median(missed), missed.max(), 100 * abs(total[0] / total[1] - 1))))
