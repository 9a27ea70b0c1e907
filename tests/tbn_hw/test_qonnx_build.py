"""`--model FILE.onnx`: a QONNX file goes straight into the build, and its gateware equals the golden model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from quantize.network import Network  # noqa: E402
from quantize.qonnx.exporter import write_network  # noqa: E402
from quantize.zoo import find_weights  # noqa: E402


def build(*arguments, cwd):
    command = [sys.executable, "-m", "tbn_hw.build", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_qonnx_becomes_the_zoo_network(tmp_path):
    network = Network.load(find_weights("tbn_digits"))
    write_network(network, tmp_path / "tbn_digits.onnx")
    done = build("--model", "./tbn_digits.onnx", "--until", "load", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = tmp_path / "build" / "tbn_digits" / "network.safetensors"
    assert again.read_bytes() == find_weights("tbn_digits").read_bytes()


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["TFC_1W1A", "TFC_1W2A"])
def test_gateware_of_brevitas_networks(name, tmp_path):
    folder = Path(os.environ.get("TBN_HW_DATA", Path(__file__).parents[3] / "shared" / "data")) / "qonnx"
    if not folder.is_dir():
        pytest.skip("no data sets; set TBN_HW_DATA")
    done = build("--model", folder / f"{name}.onnx", "--until", "verify", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out" / "sim").iterdir())


def test_qonnx_wrong(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"\x0a\xff")
    done = build("--model", "bad.onnx", cwd=tmp_path)
    assert done.returncode == 1 and "bad.onnx: is not a whole ONNX file" in done.stderr
    done = build("--model", "bad.onnx", "--weights", "x.safetensors", cwd=tmp_path)
    assert done.returncode == 2 and "--weights must go with a model file; bad.onnx holds its own" in done.stderr
