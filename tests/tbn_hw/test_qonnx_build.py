"""`--model FILE.onnx`: a QONNX file goes straight into the build, and its gateware equals the golden model."""

import json
import re

import pytest
from support.builds import build
from support.networks import Builder
from support.paths import DATA

pytest.importorskip("onnx")

from quantize.data import load_dataset  # noqa: E402
from quantize.network import Network  # noqa: E402
from quantize.qonnx.exporter import write_network  # noqa: E402
from quantize.zoo import Pictures, find_weights, save_pictures  # noqa: E402


def test_qonnx_becomes_the_zoo_network(tmp_path):
    network = Network.load(find_weights("tbn_digits"))
    write_network(network, tmp_path / "tbn_digits.onnx")
    done = build("--model", "./tbn_digits.onnx", "--until", "load", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = tmp_path / "build" / "tbn_digits" / "network.safetensors"
    assert again.read_bytes() == find_weights("tbn_digits").read_bytes()


def write_small_network(file):
    """A convolution, a threshold and a dense layer."""
    b = Builder((4, 4, 1))
    write_network(b.network(b.dense(b.flatten(b.threshold(b.conv("input", 2, padding=0))), 3)), file)


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.parametrize("name", ["2nd", "module", "数字", "Net.1"])
def test_any_name_of_a_file(name, tmp_path):
    """The Verilog has a legal name whatever the file is called. The folder and the report keep the file's."""
    write_small_network(tmp_path / f"{name}.ONNX")
    done = build("--model", f"{name}.ONNX", "--until", "verify", "--verify-images", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (verilog,) = (tmp_path / "build" / name / "rtl").glob("*.v")
    assert re.fullmatch(r"[A-Za-z]\w*", verilog.stem, re.ASCII) and verilog.stem != name


@pytest.mark.yosys
@pytest.mark.verilator
def test_the_report_keeps_the_name_of_the_file(tmp_path):
    write_small_network(tmp_path / "2nd try.onnx")
    done = build("--model", "2nd try.onnx", "--target", "ice40-hx8k", "--seeds", 0, "--verify-images", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "build" / "2nd try"
    for file in ("report.json", "manifest.json"):
        assert json.loads((folder / file).read_text())["model"] == "2nd try"


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["TFC_1W1A", "TFC_1W2A"])
def test_gateware_of_brevitas_networks(name, tmp_path):
    """On MNIST pictures that lie beside the file, as a user would put them there."""
    data = DATA
    if not (data / "qonnx").is_dir():
        pytest.skip("no data sets; set TBN_HW_DATA")
    (tmp_path / f"{name}.onnx").write_bytes((data / "qonnx" / f"{name}.onnx").read_bytes())
    test = load_dataset("mnist", data)
    save_pictures(tmp_path / f"{name}.images.safetensors", Pictures(test.test_images[:100], test.test_labels[:100]))
    done = build("--model", f"{name}.onnx", "--until", "verify", "--verify-images", 5, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    right = int(re.search(r"names (\d+) of 100 test images rightly", done.stderr).group(1))
    assert right >= 90 and "5 image(s) through the gateware" in done.stderr


def test_qonnx_wrong(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"\x0a\xff")
    done = build("--model", "bad.onnx", cwd=tmp_path)
    assert done.returncode == 1 and "bad.onnx: is not a whole ONNX file" in done.stderr
    done = build("--model", "bad.onnx", "--weights", "x.safetensors", cwd=tmp_path)
    assert done.returncode == 2 and "--weights must go with a model file; bad.onnx holds its own" in done.stderr
