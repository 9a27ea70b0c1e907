"""The options of an exploration: the command line, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tbn_hw.options import WEIGHTS_HELP, Random, weights
from tbn_hw.shared.command import Parser
from tbn_hw.targets.listing import TargetOption

if TYPE_CHECKING:
    from tbn_hw.targets.catalogue import Target

DEPTHS = ("estimate", "synthesis")


@dataclass(frozen=True)
class Options:
    """What is to be explored.

    `until` is one of DEPTHS. `scheduler` is the address of a Dask cluster; without one, processes of this machine do
    the work. Without `output` the results go to `build/<model>-explore`.
    """

    model: str
    targets: tuple[Target, ...]
    weights: Path | Random | None = None
    until: str = DEPTHS[0]
    scheduler: str | None = None
    output: Path | None = None


def parse(arguments: Sequence[str] | None, prog: str = "python -m tbn_hw.explore", description: str | None = None,
          epilog: str | None = None) -> Options:
    """The command line; raises UsageError for a wrong one. `--help` begins with `description`, ends with `epilog`."""
    parser = Parser(prog=prog, description=description, epilog=epilog)
    parser.add_argument("--model", required=True,
                        help="a model file, the name of one in the zoo, or a QONNX file (.onnx)")
    parser.add_argument("--weights", type=weights, metavar="FILE|random", help=WEIGHTS_HELP)
    parser.add_argument("--targets", nargs="+", required=True, metavar="NAME", action=TargetOption,
                        help="boards or parts, or 'list' to show them all")
    parser.add_argument("--until", default="estimate", choices=DEPTHS,
                        help="synthesis: build each point of the front too, and measure (default: estimate)")
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="a Dask cluster, whose workers see the same folders (default: processes of this machine)")
    parser.add_argument("--output", type=Path, help="the folder to write (default: build/<model>-explore)")
    given = parser.parse_args(arguments)
    from tbn_hw.targets.catalogue import find_target

    targets = tuple(find_target(name, "--targets") for name in dict.fromkeys(given.targets))
    return Options(given.model, targets, given.weights, given.until, given.scheduler, given.output)
