"""Turns a trained model into the network of integers that the build reads, and measures it on test pictures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from quantize.checkpoint import CheckpointError
from quantize.command import EXITS, Parser, check_numbers, finish, sections
from quantize.data import DataError, load_dataset
from quantize.exact import Exact, exact
from quantize.lowering import ExportError, lower
from quantize.model import Model
from quantize.network import Network
from quantize.spec import SpecError, load_spec
from quantize.tensor import NetworkError, Node, TensorType
from quantize.text import printable
from quantize.thresholds import find_thresholds, find_ties
from quantize.trained import load_model, save_trained
from quantize.trainer import classify, evaluate
from quantize.zoo import Pictures, save_pictures

__all__ = ["Exact", "ExportError", "exact", "export", "load_model"]

PICTURES = 100
EXAMPLES = (
    ("%(prog)s --model my.yaml --checkpoint build/my/train/checkpoint.pt -o my.safetensors",
     "the network, beside its model file, where the build finds it"),
    ("%(prog)s --model my.yaml --checkpoint FILE -o my.safetensors --data DIR --images my.images.safetensors",
     "and its accuracy on all test pictures, and some of these for the build to verify with"),
    ("%(prog)s --model tbn_digits --checkpoint FILE -o digits.safetensors --evaluate",
     "and its accuracy on a data set that needs no folder"),
)
WRITES = (
    ("the file of -o", "the network of integers"),
    ("the file of --trained", "the float values behind it, which --checkpoint takes, too"),
    ("the file of --images", f"the first {PICTURES} test pictures, with labels and the float network's classes"),
)


def export(model: Model) -> Network:
    """Return the integer network of a trained model.

    Raises
    ------
    ExportError
        If it has no exact integer form. One sentence that names the layer.
    NetworkError
        If an accumulator or a range does not fit.
    """
    spec, source = model.spec, TensorType(model.spec.input.shape, "int", -128, 127)
    nodes = find_thresholds(lower(model), source)
    outputs: tuple[str, ...] = (nodes[-1].name,)
    if spec.top_k is not None:
        nodes, outputs = (*nodes, Node("top_k", "top_k", outputs, {"k": spec.top_k})), (*outputs, "top_k")
    return Network(spec.name, source, nodes, outputs, spec.classes)


def main(arguments: list[str] | None = None, prog: str = "python -m quantize.export") -> int:
    """Run the command and return its exit code: 0 done, 1 something refused, 2 usage, 130 stopped with Ctrl-C."""
    refused = (SpecError, CheckpointError, DataError, ExportError, NetworkError)
    return finish(lambda: _run(*_options(arguments, prog)), refused, "stopped")


def _options(arguments: list[str] | None, prog: str) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    epilog = sections(("examples", EXAMPLES), ("what is written", WRITES), ("exit codes", EXITS))
    parser = Parser(prog=prog, description=__doc__, epilog=epilog)
    parser.add_argument("--model", required=True, help="model file, or name of a packaged model")
    parser.add_argument("--checkpoint", required=True, type=Path, help="of training, or a file of --trained")
    parser.add_argument("-o", "--output", required=True, type=Path, help="the network's .safetensors file")
    parser.add_argument("--trained", type=Path, help="also write the float values to this .safetensors file")
    parser.add_argument("--data", type=Path, help="evaluate on all test pictures of this folder")
    parser.add_argument("--evaluate", action="store_true", help="evaluate on a data set that needs no folder (digits)")
    parser.add_argument("--images", type=Path, help=f"also write the first {PICTURES} test pictures to this file")
    parser.add_argument("--threads", type=int, help="of the CPU (default: torch's own)")
    options = parser.parse_args(arguments)
    check_numbers(parser, options)
    if options.trained and options.trained.suffix != ".safetensors":
        parser.error(f"--trained must end in .safetensors, not {str(options.trained)!r}; --checkpoint knows it by that")
    if options.threads:
        torch.set_num_threads(options.threads)
    return options, parser


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    spec = load_spec(options.model)
    for name in ("data", "evaluate", "images"):
        if getattr(options, name) and spec.dataset is None:
            parser.error(f"--{name} needs a model file that names its data set; {spec.name} has no 'dataset'")
    model = load_model(spec, options.checkpoint)
    if options.trained:
        save_trained(model, options.trained)
        model = load_model(spec, options.trained)
    network = export(model)
    network.save(options.output)
    print(f"{options.output}: {len(network.nodes)} nodes")
    for tie in find_ties(lower(model), network.input):
        print(f"note: {tie}")
    if spec.dataset is None or not (options.data or options.evaluate or options.images):
        return
    data = load_dataset(spec.dataset, options.data, spec.input.shape, spec.input.resize, spec.classes)
    if data.note:
        print(printable(data.note), file=sys.stderr)
    if options.images:
        pictures = data.test_images[:PICTURES]
        save_pictures(options.images, Pictures(pictures, data.test_labels[:PICTURES], classify(model, pictures)))
    if options.data or options.evaluate:
        real = evaluate(model, data.test_images, data.test_labels)
        integer = evaluate(exact(model), data.test_images, data.test_labels)
        print(f"test accuracy on {len(data.test_labels)} pictures: float {real:.2f} %, integer {integer:.2f} %")


if __name__ == "__main__":
    sys.exit(main())
