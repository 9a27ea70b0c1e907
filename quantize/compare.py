"""Compares number formats on one topology: ``python -m quantize.compare --model tbn_lenet --data DIR --epochs 10``.

Full precision, BWN (binary weights, real activations), XNOR-Net style (both binary) and TBN, with the same recipe, the
same epochs and the same seeds. With ``--recipes``, instead, TBN by the model file's recipe without, and with one of
these: distillation, a start from full precision, real weights first, balanced weights, another gradient.
A finished run is not repeated, a stopped one goes on; results are in compare.csv or recipes.csv.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from quantize.command import Parser, check_numbers
from quantize.runs import Result, Run, finished, rows
from quantize.spec import Spec, load_spec
from quantize.strategy import STRATEGIES
from quantize.train import check_device, finish_training, load_data

LABELS = {"full": "full precision", "BWN": "BWN", "XNOR": "XNOR-Net", "TBN": "TBN"}

RECIPES: dict[str, Callable[[Spec], Spec]] = {
    "plain": lambda spec: spec,
    "distill": lambda spec: spec.with_train(distill={}),
    "start": lambda spec: spec.with_train(start="full"),
    "real_weights": lambda spec: spec.with_train(real_weights=0.5),
    "balance": lambda spec: spec.with_train(balance=True),
    "saw": lambda spec: spec.with_gradient("saw"),
}
"""The recipes of ``--recipes``: the plain one has none of these options."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 ok, 1 model, data or a run's folder refused, 2 usage."""

    def work() -> None:
        options = _options(arguments)
        spec = load_spec(options.model)
        dataset = load_data(spec, options.data)
        output = options.output or Path("build") / spec.name / "compare"
        if options.recipes:
            runs, base, file = _recipes(spec, options), "plain", "recipes.csv"
        else:
            runs, base, file = _strategies(spec, options), "XNOR", "compare.csv"
        results = finished(runs, dataset, output, file, device=options.device, compiled=options.compile)
        Console().print(table(results, base))

    return finish_training(work)


def table(results: Sequence[Result], base: str) -> Table:
    """Means and standard deviations over the seeds, and the gain of each run over the one named ``base``."""
    shown = Table("", "seeds", "accuracy %", "as integers %", f"over {LABELS.get(base, base)}")
    for name, *row in rows(results, base):
        shown.add_row(LABELS.get(name, name), *row)
    return shown


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m quantize.compare", description=__doc__)
    parser.add_argument("--model", required=True, help="model file, or name of a packaged model")
    parser.add_argument("--data", type=Path, help="folder of the data set's files")
    parser.add_argument("--output", type=Path, help="folder for runs and results (default: build/<model>/compare)")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--images", type=int, help="train on the first ones only; instead of the recipe's")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each, with seeds from 0 (default: 3)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES), help="(default: all)")
    what.add_argument("--recipes", nargs="+", choices=RECIPES, help="compare these instead")
    parser.add_argument("--threads", type=int, help="of the CPU (default: torch's own)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="compile the steps; needs a C++ compiler")
    options = parser.parse_args(arguments)
    check_numbers(parser, options)
    check_device(parser, options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    return options


def _seeded(spec: Spec, options: argparse.Namespace) -> Iterator[Spec]:
    """The model with the command line's recipe, once per seed. It starts from random weights, without distillation."""
    changed = {"epochs": options.epochs, "images": options.images}
    changed = {key: value for key, value in changed.items() if value is not None}
    for seed in range(options.seeds):
        yield spec.with_train(distill=None, start="random", seed=seed, **changed)


def _strategies(spec: Spec, options: argparse.Namespace) -> list[Run]:
    return [Run(strategy, seeded, strategy) for seeded in _seeded(spec, options) for strategy in options.strategies]


def _recipes(spec: Spec, options: argparse.Namespace) -> list[Run]:
    plain = [seeded.with_train(real_weights=0.0, balance=False).with_gradient("straight_through")
             for seeded in _seeded(spec, options)]
    return [Run(name, RECIPES[name](seeded)) for seeded in plain for name in options.recipes]


if __name__ == "__main__":
    sys.exit(main())
