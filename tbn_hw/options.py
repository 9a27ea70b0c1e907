"""The options of a build: the command line, checked."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tbn_hw.shared.command import Parser
from tbn_hw.shared.errors import UsageError
from tbn_hw.targets.listing import TargetOption

if TYPE_CHECKING:
    from tbn_hw.targets.catalogue import Target

STAGES = ("load", "fold", "generate", "verify", "synthesise", "route", "report")
DEFAULT_SEEDS, DEFAULT_VERIFY_IMAGES = 3, 3
MOST_MHZ = 1000
WEIGHTS_HELP = ("a trained network (default: the one beside the model file), or 'random' for random weights, whose "
                "classes mean nothing")


@dataclass(frozen=True)
class Stated:
    """Whatever rate results from the folding that a file states."""


@dataclass(frozen=True)
class Fastest:
    """The highest rate that fits the target."""


@dataclass(frozen=True)
class Cheapest:
    """At least `fps` frames a second, at the least cost."""

    fps: float


@dataclass(frozen=True)
class Random:
    """Random weights, instead of those that training gave."""

    def __str__(self) -> str:
        return "random"


Rate = Stated | Fastest | Cheapest
"""The rate that a build is to have."""


@dataclass(frozen=True)
class Options:
    """What is to be built, how, and how far.

    Without `weights` those beside the model file are taken.
    `folding` is a file that states PE and SIMD by node; without one the model file's are taken. `clock_mhz` is the
    clock that the routed design must reach, or None for the fastest possible. `seeds` is the number of runs of place
    and route; 0 skips it. `until` is the last of the STAGES to run. `images` are the user's pictures to classify, and
    `verify_images` is the number of test pictures that go through the gateware. Without `output` the build goes to
    `build/<model>`.
    """

    model: str
    target: Target
    weights: Path | Random | None = None
    folding: Path | None = None
    rate: Rate = Stated()
    clock_mhz: float | None = None
    seeds: int = 0
    until: str = STAGES[-1]
    images: tuple[Path, ...] = ()
    verify_images: int = DEFAULT_VERIFY_IMAGES
    output: Path | None = None


def parse(arguments: Sequence[str] | None, prog: str = "python -m tbn_hw.build", description: str | None = None,
          epilog: str | None = None) -> Options:
    """The command line; raises UsageError for a wrong one. `--help` begins with `description`, ends with `epilog`."""
    parser = Parser(prog=prog, description=description, epilog=epilog)
    parser.add_argument("--model", required=True,
                        help="a model file, the name of one in the zoo, or a QONNX file (.onnx)")
    parser.add_argument("--weights", type=weights, metavar="FILE|random", help=WEIGHTS_HELP)
    parser.add_argument("--folding", type=Path, metavar="FILE",
                        help="PE and SIMD by node, as a build writes it to folding.yaml (default: the model file's, or "
                        "where it does not fit a board or part the fastest that does)")
    parser.add_argument("--target", metavar="NAME", action=TargetOption,
                        help="the board or part to build for, or 'list' to show them all (default: ecp5, which is not "
                        "routed)")
    parser.add_argument("--fps", type=_rate, default=Stated(), metavar="N",
                        help="the cheapest folding that reaches N frames a second, or with 'max' the fastest that "
                        "fits, at the clock of --clock or the one to be expected of the part")
    parser.add_argument("--seeds", type=int, metavar="N",
                        help="how often to place and route, of which the fastest is kept; 0 for not at all "
                        f"(default: {DEFAULT_SEEDS} if --target is given, else 0)")
    parser.add_argument("--clock", type=float, metavar="MHZ",
                        help="the clock that the routed design must reach (default: the fastest to be had)")
    parser.add_argument("--until", default="report", choices=STAGES, help="the last stage to run")
    parser.add_argument("--images", type=Path, nargs="+", metavar="FILE",
                        help="pictures to classify with the golden model and the gateware, after the test images")
    parser.add_argument("--verify-images", type=int, default=DEFAULT_VERIFY_IMAGES, metavar="N",
                        help=f"test images to send through the gateware (default: {DEFAULT_VERIFY_IMAGES})")
    parser.add_argument("--output", type=Path, help="the folder to write (default: build/<model>)")
    given = parser.parse_args(arguments)
    if given.fps != Stated() and given.folding is not None:
        raise UsageError("--fps asks for a folding and --folding states one; give one of them")
    if given.verify_images < 1:
        raise UsageError(f"--verify-images must be a positive integer, not {given.verify_images}")
    target, seeds = _routed(given)
    return Options(given.model, target, given.weights, given.folding, given.fps, given.clock, seeds, given.until,
                   tuple(given.images or ()), given.verify_images, given.output)


def weights(text: str) -> Path | Random:
    """A trained network's file, or "random"."""
    return Random() if text == "random" else Path(text)


def _rate(text: str) -> Rate:
    """A number of frames a second, or "max"."""
    try:
        fps = math.inf if text == "max" else float(text)
    except ValueError:
        fps = math.nan
    if not fps > 0:
        raise argparse.ArgumentTypeError(f"must be a positive number of frames a second, or max, not {text!r}")
    return Fastest() if fps == math.inf else Cheapest(fps)


def _routed(given: argparse.Namespace) -> tuple[Target, int]:
    """The target and its number of seeds. Checks the options that only make sense with place and route."""
    from tbn_hw.targets.catalogue import default_target, find_target

    target = find_target(given.target) if given.target else default_target()
    asked = given.until == "route" or given.clock is not None or bool(given.seeds)
    seeds = given.seeds
    if seeds is None:
        named = given.target is not None and target.device is not None
        seeds = DEFAULT_SEEDS if named or asked else 0
    if seeds < 0:
        raise UsageError(f"--seeds must not be negative, but is {seeds}")
    if asked and target.device is None:
        raise UsageError(f"--target: {target.name} ({target.part_name}) is for synthesis only; "
                         "there is no open place and route for it")
    if given.clock is not None and not (seeds and 0 < given.clock < MOST_MHZ):
        raise UsageError(f"--clock must be a frequency in MHz, with at least one of --seeds, not {given.clock:g}")
    return target, seeds
