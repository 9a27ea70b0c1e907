"""QONNX files in and out: says whether one can be imported, imports it, or exports a network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from quantize.command import EXITS, Parser, finish, sections
from quantize.network import Network
from quantize.qonnx.exporter import write_network
from quantize.qonnx.graph import QonnxError
from quantize.qonnx.importer import PIXELS, Check, read_network
from quantize.tensor import NetworkError
from quantize.yaml_source import SpecError
from quantize.zoo import find_weights

EXAMPLES = (
    ("%(prog)s check FILE.onnx", "what is understood of a file, node by node, and what is refused and why"),
    ("%(prog)s import FILE.onnx -o my.safetensors",
     "the network of integers; the build's --model takes FILE.onnx itself as well"),
    ("%(prog)s export tbn_cnv -o tbn_cnv.onnx", "a model of the zoo, or the network of a .safetensors file, as QONNX"),
)
WRITES = (
    ("standard output", "check, import: a line a node, then what to know of the logits"),
    ("the file of -o", "import, export: the network"),
)


def main(arguments: list[str] | None = None, prog: str = "python -m quantize.qonnx") -> int:
    """Run the command and return its exit code: 0 done, 1 something refused, 2 usage, 130 stopped with Ctrl-C."""

    def work() -> int | None:
        options = _parser(prog).parse_args(arguments)
        code: int | None = options.run(options)
        return code

    return finish(work, (QonnxError, NetworkError, SpecError), "stopped", "error: ")


def _parser(prog: str) -> argparse.ArgumentParser:
    epilog = sections(("examples", EXAMPLES), ("what is written", WRITES), ("exit codes", EXITS))
    parser = Parser(prog=prog, description=__doc__, epilog=epilog)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, text in (("import", "make a network of integers from a QONNX file"),
                       ("check", "say of every node of a QONNX file whether it can be imported")):
        command = commands.add_parser(name, help=text)
        command.add_argument("file", type=Path, help="QONNX file")
        command.add_argument("--input", choices=sorted(PIXELS), help="what a pixel is to the graph: unit (byte / 255, "
                             "the default), byte, or signed (byte - 128)")
        command.set_defaults(run=_import, output=None)
        if name == "import":
            command.add_argument("-o", "--output", required=True, type=Path, help="the network's .safetensors file")
    command = commands.add_parser("export", help="make a QONNX file of a network of integers")
    command.add_argument("network", help="the network's .safetensors file, or the name of a packaged model")
    command.add_argument("-o", "--output", required=True, type=Path, help="QONNX file")
    command.add_argument("--input", choices=["uint8", "int8"], default="uint8", help="what the graph's input holds: "
                         "uint8 (bytes, the default), or int8 (byte - 128, without an Add in front of the first layer)")
    command.add_argument("--logits", action="store_true", help="write no TopK, which hls4ml has no layer for: "
                         "the logits are the only output")
    command.set_defaults(run=_export)
    return parser


def _export(options: argparse.Namespace) -> int:
    path = Path(options.network)
    if not path.is_file():
        path = find_weights(options.network) or path
    network = Network.load(path)
    write_network(network, options.output, options.input, not options.logits)
    left_out = sum(options.logits and node.kind == "top_k" for node in network.nodes)
    print(f"{options.output}: {len(network.nodes) - left_out} nodes")
    return 0


def _import(options: argparse.Namespace) -> int:
    check = read_network(options.file, options.input)
    show(check)
    if check.network is None:
        print(f"error: {options.file}: {len(check.refused)} of {len(check.verdicts)} nodes are refused",
              file=sys.stderr)
        return 1
    if options.output:
        check.network.save(options.output)
        print(f"{options.output}: {len(check.network.nodes)} nodes")
    return 0


def show(check: Check) -> None:
    """Print every verdict, then the notes on the network."""
    width = max(len(f"{verdict.type} {verdict.name}") for verdict in check.verdicts)
    causes: dict[str, str] = {}
    for verdict in check.verdicts:
        name, note = f"{verdict.type} {verdict.name}", verdict.note
        if verdict in check.refused:
            note = f"as {causes[note]}" if note in causes else note
            causes.setdefault(verdict.note, name)
        print(f"{verdict.verdict:<9}  {name:<{width}}  {note}".rstrip())
    for note in check.notes:
        print(f"note: {note}")
    if check.logits is not None:
        unit, offset, error = check.logits.unit, check.logits.offset, check.logits.error
        plus = f" {'-' if offset < 0 else '+'} {abs(offset):.6g}" if offset else ""
        within = f", within {error:.1e}" if error else ""
        print(f"note: logits of the graph are {unit:.9g} * integer{plus}{within}")


if __name__ == "__main__":
    sys.exit(main())
