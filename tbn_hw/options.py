"""The options of a build: the command line, checked."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from tbn_hw.shared.command import Parser
from tbn_hw.shared.errors import UsageError
from tbn_hw.targets.listing import TargetOption

STAGES = ("load", "fold", "generate", "verify", "synthesise", "route", "report")
DEFAULT_SEEDS = 3
MOST_MHZ = 1000


def parse(arguments: Sequence[str] | None, prog: str = "python -m tbn_hw.build", description: str | None = None,
          epilog: str | None = None) -> argparse.Namespace:
    """The command line; raises UsageError for a wrong one. `--help` begins with `description`, ends with `epilog`."""
    parser = Parser(prog=prog, description=description, epilog=epilog)
    parser.add_argument("--model", required=True,
                        help="a model file, the name of one in the zoo, or a QONNX file (.onnx)")
    parser.add_argument("--weights", type=Path, help="a trained network; default: the one beside the model file")
    parser.add_argument("--folding", type=Path, metavar="FILE",
                        help="PE and SIMD by node, as a build writes it to folding.yaml (default: the model file's, or "
                        "where it does not fit a board or part the fastest that does)")
    parser.add_argument("--target", metavar="NAME", action=TargetOption,
                        help="the board or part to build for, or 'list' to show them all (default: ecp5, which is not "
                        "routed)")
    parser.add_argument("--fps", type=_rate, metavar="N",
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
    parser.add_argument("--verify-images", type=int, default=3, metavar="N",
                        help="test images to send through the gateware (default: 3)")
    parser.add_argument("--output", type=Path, help="the folder to write (default: build/<model>)")
    options = parser.parse_args(arguments)
    if options.fps is not None and options.folding is not None:
        raise UsageError("--fps asks for a folding and --folding states one; give one of them")
    if options.verify_images < 1:
        raise UsageError(f"--verify-images must be a positive integer, not {options.verify_images}")
    _settle(options)
    return options


def _rate(text: str) -> float:
    """Frames a second, infinite for the most that can be had."""
    try:
        rate = math.inf if text == "max" else float(text)
    except ValueError:
        rate = math.nan
    if not rate > 0:
        raise argparse.ArgumentTypeError(f"must be a positive number of frames a second, or max, not {text!r}")
    return rate


def _settle(options: argparse.Namespace) -> None:
    """Check the options that place and route is for, and put the Target and the number of seeds in their places."""
    from tbn_hw.targets.catalogue import default_target, find_target

    target = find_target(options.target) if options.target else default_target()
    asked = options.until == "route" or options.clock is not None or bool(options.seeds)
    if options.seeds is None:
        named = options.target is not None and target.device is not None
        options.seeds = DEFAULT_SEEDS if named or asked else 0
    if options.seeds < 0:
        raise UsageError(f"--seeds must not be negative, but is {options.seeds}")
    if asked and target.device is None:
        raise UsageError(f"--target: {target.name} ({target.part_name}) is for synthesis only; "
                         "there is no open place and route for it")
    if options.clock is not None and not (options.seeds and 0 < options.clock < MOST_MHZ):
        raise UsageError(f"--clock must be a frequency in MHz, with at least one of --seeds, not {options.clock:g}")
    options.target = target
