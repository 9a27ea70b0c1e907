"""`python -m benchmarks.travel`: networks of the zoo, exported as QONNX, in FINN and in hls4ml.

Each tool gets an environment of its own, with pinned packages. FINN takes its steps from the QONNX file to the dataflow
partition, which need no Vivado, and executes the result in Python. hls4ml compiles its C++ with g++ and predicts.
The logits of the zoo's test pictures are compared with those of the golden model. A line for each network and tool is
printed. The exit code is 1 if a frame differs, or if a network stops that is known to arrive.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantize.network import Network
from quantize.qonnx.exporter import write_network
from quantize.zoo import find_pictures, find_weights, load_pictures
from sim.golden import run

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tool:
    """A package, and what it needs of this folder and of the exporter.

    If it is not `complete`, pip takes its dependencies from `requirements` alone. `arrive` are the networks that are
    known to come through, and `others` come as far as they do. `indices` is as for `write_network`.
    """

    package: str
    complete: bool
    requirements: str
    script: str
    arrive: tuple[str, ...]
    others: tuple[str, ...]
    indices: bool


TOOLS = {
    "finn": Tool("finn-plus==1.6.1", False, "finn.txt", "in_finn.py",
                 ("tbn_digits", "tbn_lenet", "tbn_cnv"), ("tbn_resnet",), True),
    "hls4ml": Tool("hls4ml==1.3.0", True, "hls4ml.txt", "in_hls4ml.py", ("tbn_digits",), (), False),
}


def environment(tool: Tool, folder: Path) -> Path:
    """Make an environment with the tool, unless there is one, and return its Python."""
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        venv.create(folder, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", str(HERE / tool.requirements)], check=True)
        subprocess.run([*install, *([] if tool.complete else ["--no-deps"]), tool.package], check=True)
        done.touch()
    return python


def export(name: str, folder: Path, count: int, indices: bool) -> None:
    """Write a network's export, and the first `count` test pictures with their logits, into a folder."""
    weights, pictures = find_weights(name), find_pictures(name)
    if weights is None or pictures is None:
        raise SystemExit(f"{name}: it must be a trained model of the zoo with test pictures")
    network = Network.load(weights)
    x = (load_pictures(pictures).images[:count].astype(np.int16) - 128).astype(np.int8)
    logits = run(network, x, keep=network.outputs[:1])[network.outputs[0]].reshape(len(x), -1)
    write_network(network, folder / "model.onnx", "int8", indices)
    np.savez(folder / "frames.npz", x=x.transpose(0, 3, 1, 2).astype(np.float32), y=logits)


def take(name: str, tool: Tool, python: Path, count: int, folder: Path) -> dict[str, Any]:
    """Take a network through a tool, and return what its script found."""
    folder.mkdir(parents=True)
    export(name, folder, count, tool.indices)
    files = [str(folder / file) for file in ("model.onnx", "frames.npz", "result.json")]
    with (folder / "log").open("w") as log:
        code = subprocess.run([str(python), "-I", str(HERE / tool.script), *files], cwd=folder, stdout=log,
                              stderr=subprocess.STDOUT).returncode
    if code:
        raise SystemExit(f"{name}, {tool.package}: exit code {code}\n" + (folder / "log").read_text()[-2000:])
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


def line(name: str, tool: Tool, found: dict[str, Any]) -> str:
    """What is printed of a network in a tool: what came out, and the first step whose model is not equal."""
    partitions = found.get("partitions")
    outcome = found["failed"] or ("compiled" if partitions is None else
                                  f"{partitions} partition, outside it {', '.join(found['outside']) or 'nothing'}")
    odd = [f"; {step}, first frame: {text}" for step, text in found.get("steps", {}).items() if text != "equal"]
    return (f"{name}, {tool.package}: {outcome}{''.join(odd[:1])}; "
            f"{found['differing'] or 0} of {found['compared']} frames differ")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.travel", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--networks", nargs="+", help="names of the zoo (all that were tried with the tool)")
    parser.add_argument("--frames", type=int, default=100, help="test pictures to compare (%(default)s)")
    parser.add_argument("--environments", type=Path, help="a folder that keeps the environments, of 2 GB (none)")
    options = parser.parse_args(arguments)
    good = True
    with tempfile.TemporaryDirectory() as temporary:
        for key in options.tools:
            tool, folder = TOOLS[key], (options.environments or Path(temporary)).resolve() / key
            python = environment(tool, folder)
            for name in options.networks or (*tool.arrive, *tool.others):
                found = take(name, tool, python, options.frames, Path(temporary) / "work" / key / name)
                print(line(name, tool, found), flush=True)
                good = good and not found["differing"] and (found["compared"] > 0 or name not in tool.arrive)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
