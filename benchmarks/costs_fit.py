"""Least squares for `benchmarks.costs`: coefficients that are not negative, of the least relative errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import nnls

from tbn_hw.accelerator import Engine
from tbn_hw.cost import FITTED, CostModel, Error
from tbn_hw.cost_features import pieces
from tbn_hw.cost_piece import Piece

SMALL = 12.0
"""LUTs or flip-flops that are added to a figure before an error is taken relative to it: a LUT in five is no error."""

PARTS = {"weights": "weights", "windows": "windows", "accumulators": "accumulators", "queues": "queues"}
"""The part that synthesis accounts a form to; other forms of an MVU are products, of other engines what is left."""

Measured = Mapping[str, Any]
Numbers = dict[str, float]


def observations(engine: Engine, measured: Measured, family: str) -> Iterator[tuple[str, Numbers, Numbers]]:
    """(form, features, measured figures) of each form in an engine."""
    grouped: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces(engine.component(), family):
        grouped[piece.form].append(piece)
    for form, found in grouped.items():
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


def fit(engines: Sequence[tuple[Engine, Measured]], family: str) -> dict[str, dict[str, dict[str, float]]]:
    """Coefficients by form, figure and feature."""
    rows: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = defaultdict(list)
    for engine, measured in engines:
        for form, features, figures in observations(engine, measured, family):
            rows[form].append((features, figures))
    return {form: {figure: _solve(found, figure) for figure in FITTED} for form, found in sorted(rows.items())}


def _solve(rows: Sequence[tuple[Mapping[str, float], Mapping[str, float]]], figure: str) -> dict[str, float]:
    names = sorted({name for features, _ in rows for name in features
                    if figure == "ff" or not name.endswith("register")})
    matrix = np.array([[features.get(name, 0) for name in names] for features, _ in rows], float)
    wanted = np.array([figures[figure] for _, figures in rows], float)
    scale = 1 / (wanted + SMALL)
    solution, _ = nnls(matrix * scale[:, None], wanted * scale)
    return {name: round(float(value), 5) for name, value in zip(names, solution, strict=True) if value > 1e-9}


def error(model: CostModel, engines: Sequence[tuple[Engine, Measured]]) -> Error:
    """What the LUT estimates of some engines miss by."""
    pairs = np.array([(model.engine(engine)["lut"], measured["lut"]) for engine, measured in engines])
    missed = 100 * abs(pairs[:, 0] / pairs[:, 1] - 1)
    total = pairs.sum(axis=0)
    return Error(len(pairs), *(round(float(value), 2) for value in (
        np.median(missed), missed.max(), 100 * abs(total[0] / total[1] - 1))))
