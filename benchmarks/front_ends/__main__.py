"""`python -m benchmarks.front_ends`: files of real front ends, built to `verify` and compared with ONNX Runtime.

Each front end gets an environment of its own, with pinned packages. A script of this folder trains a small network on
the 8x8 digits, writes its file, and predicts the test pictures with ONNX Runtime. Then the file is built to `verify`,
where the gateware must equal the golden model. The golden model's classes of all test pictures are compared with those
of ONNX Runtime. A row for each front end is printed. The exit code is 1 if one is refused or differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quantize.data import Dataset, load_dataset
from quantize.qonnx.importer import Check, read_network
from quantize.zoo import Pictures, save_pictures
from sim.golden import run

HERE = Path(__file__).parent


@dataclass(frozen=True)
class FrontEnd:
    """Who writes the file, the requirements of the environment, and the script."""

    name: str
    requirements: str
    script: str


FRONT_ENDS = {
    "larq": FrontEnd("Larq through tf2onnx", "keras.txt", "in_keras"),
    "keras": FrontEnd("Keras through tf2onnx, quantised by ONNX Runtime", "keras.txt", "in_keras"),
    "onnxruntime": FrontEnd("torch, quantised by ONNX Runtime", "torch.txt", "in_torch"),
    "brevitas": FrontEnd("Brevitas, export_onnx_qcdq", "torch.txt", "in_torch"),
    "dynamo": FrontEnd("torch, dynamo=True and optimize=False", "torch.txt", "in_torch"),
}


def environment(requirements: str, folder: Path) -> Path:
    """Make an environment with these requirements, unless there is one, and return its Python."""
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check",
                        "-r", str(HERE / requirements)], check=True)
        done.touch()
    return python


def make(key: str, python: Path, data: Dataset, folder: Path) -> np.ndarray:
    """Make the file of a front end, and return ONNX Runtime's logits of the test pictures."""
    folder.mkdir(parents=True)
    np.savez(folder / "data.npz", train=np.asarray(data.train_images), labels=data.train_labels,
             test=np.asarray(data.test_images))
    files = [str(folder / file) for file in ("data.npz", f"{key}.onnx", "result.npz")]
    _logged([str(python), "-m", f"benchmarks.front_ends.{FRONT_ENDS[key].script}", key, *files], folder / "make.log")
    with np.load(folder / "result.npz") as arrays:
        return np.asarray(arrays["logits"])


def _logged(command: list[str], log: Path) -> None:
    with log.open("w") as file:
        code = subprocess.run(command, cwd=HERE.parents[1], stdout=file, stderr=subprocess.STDOUT).returncode
    if code:
        raise SystemExit(f"{' '.join(command)}: exit code {code}\n{log.read_text()[-2000:]}")


def build(file: Path, pictures: Pictures) -> None:
    """Build a file to `verify`, on these pictures. SystemExit if it ends otherwise than with equal gateware."""
    save_pictures(file.with_suffix(".images.safetensors"), pictures)
    _logged([sys.executable, "-m", "tbn_hw.build", "--model", str(file), "--until", "verify", "--output",
             str(file.parent / "build")], file.parent / "build.log")


def differing(check: Check, images: np.ndarray, logits: np.ndarray) -> int:
    """How many pictures have another class in the golden model than these logits say."""
    network = check.network
    assert network is not None
    x = (images.astype(np.int16) - 128).astype(np.int8)
    found = run(network, x, keep=network.outputs[:1])[network.outputs[0]].reshape(len(x), -1)
    return int((found.argmax(axis=1) != logits.argmax(axis=1)).sum())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.front_ends", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--front-ends", nargs="+", choices=FRONT_ENDS, default=list(FRONT_ENDS))
    parser.add_argument("--environments", type=Path, help="a folder that keeps the environments, of 3 GB (none)")
    parser.add_argument("--files", type=Path, help="a folder that keeps the files; it must be new (none)")
    options = parser.parse_args(arguments)
    data, good = load_dataset("digits"), True
    images = np.asarray(data.test_images)
    with tempfile.TemporaryDirectory() as temporary:
        for key in options.front_ends:
            front, folder = FRONT_ENDS[key], (options.files or Path(temporary) / "files").resolve() / key
            place = (options.environments or Path(temporary)).resolve() / front.requirements.removesuffix(".txt")
            logits = make(key, environment(front.requirements, place), data, folder)
            file = folder / f"{key}.onnx"
            check = read_network(file)
            if check.network is None:
                print(f"{front.name}: refused; {'; '.join(check.causes)}", flush=True)
                good = False
                continue
            build(file, Pictures(images, data.test_labels))
            count = differing(check, images, logits)
            right = int((logits.argmax(axis=1) == data.test_labels).sum())
            print(f"{front.name}: built to verify; {count} of {len(logits)} classes differ from ONNX Runtime's, which "
                  f"names {right} rightly", flush=True)
            good = good and not count
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
