"""From a model file to Verilog, ROM images, verification, synthesis, a bitstream and a report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from quantize.command import sections, zoo
from tbn_hw.options import parse
from tbn_hw.shared.command import exits, finish
from tbn_hw.shared.progress import terminal

EXAMPLES = (
    ("%(prog)s --model tbn_digits",
     "a network of the zoo as Verilog, verified and synthesised, with a report, in build/tbn_digits"),
    ("%(prog)s --model tbn_digits --target icebreaker", "for a board: placed and routed as well, with a bitstream"),
    ("%(prog)s --model tbn_lenet --target tangnano20k --fps max --clock 81",
     "with the fastest folding that fits the board, at 81 MHz"),
    ("%(prog)s --model my.yaml --weights my.safetensors --until fold",
     "a network of your own: its folding, and what that is estimated to cost, in seconds"),
    ("%(prog)s --model tbn_digits --images seven.png", "your own picture through the golden model and the gateware"),
    ("%(prog)s --target list", "the boards and parts there are"),
)
STAGES = (
    ("load", "reads the model file and the network that belongs to it"),
    ("fold", "chooses the folding, and prints cycles a frame and estimated cost"),
    ("generate", "writes Verilog and ROM images"),
    ("verify", "simulates the Verilog, and compares each output with the golden model"),
    ("synthesise", "runs Yosys, and compares its netlist with the golden model"),
    ("route", "runs nextpnr with each seed, and packs the bitstream of the fastest"),
    ("report", "writes the report"),
)
WRITES = (
    ("network.safetensors", "the network of integers that was built"),
    ("manifest.json", "hashes, tool versions, folding and ports"),
    ("folding.yaml", "PE, SIMD and place of the weights by node, for --folding"),
    ("rtl/<model>.v", "the accelerator, its weights in it"),
    ("rom/*.mem", "the same weights for tools of your own"),
    ("sim/, synth/", "logs, netlists, the bitstream and, in synth/board/, the board's top level"),
    ("report.json", "each figure with the tool it came from; null for what was not measured"),
    ("report.html", "the same as one page"),
    ("pictures/", "the log of the simulation of --images"),
)


def _epilog() -> str:
    return sections(("examples", EXAMPLES), ("models of the zoo", zoo()), ("stages, in their order", STAGES),
                    ("what is written, in build/<model> or the folder of --output", WRITES),
                    ("exit codes", exits(1, 2, 3, 4, 5)))


def main(arguments: Sequence[str] | None = None, prog: str = "python -m tbn_hw.build") -> int:
    """Run the build; returns the exit code."""
    console = terminal()

    def work() -> None:
        options = parse(arguments, prog, __doc__, _epilog())
        from tbn_hw.stages.pipeline import build  # the toolchain: --help and a wrong flag need not wait for it

        build(options, console)

    return finish(work, partial(console.print, soft_wrap=True),
                  "interrupted; the stages that were done are kept")


if __name__ == "__main__":
    sys.exit(main())
