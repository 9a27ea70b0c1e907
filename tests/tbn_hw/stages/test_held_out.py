"""A network that nothing was made for: it builds for three targets, and the estimates hold for it too."""

import json
from pathlib import Path

import numpy as np
import pytest
from support import builds

MODEL = Path(__file__).parent / "held_out.yaml"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The integer network of random weights and statistics."""
    torch = pytest.importorskip("torch")
    from quantize.export import export
    from quantize.model import build_module
    from quantize.spec import load_spec

    torch.manual_seed(0)
    model = build_module(load_spec(MODEL)).train()
    pictures = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), np.uint8)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # an average, so that one pass sets the statistics
        model(torch.from_numpy(pictures))
    path = tmp_path_factory.mktemp("held_out") / "held_out.safetensors"
    export(model.eval()).save(path)
    return path


def build(weights, target, fps, folder):
    return builds.build("--model", MODEL, "--weights", weights, "--target", target, "--fps", fps, "--seeds", "0",
                        "--verify-images", "2", "--output", folder)


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize(("target", "fps"), [("ulx3s-12f", 5000), ("colorlight-i5", 10000), ("xc7a35t", 20000)])
def test_builds_for_three_targets(weights, target, fps, tmp_path):
    done = build(weights, target, fps, tmp_path / "b")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    assert report["verify"]["mismatches"] == 0 and report["verify"]["outputs_compared"] > 0
    assert report["verify"]["interval_cycles"] == max(layer["cycles"] for layer in report["layers"])
    assert report["estimate"]["lut"] == pytest.approx(report["synthesis"]["lut"], rel=0.1)


def test_too_large(weights, tmp_path):
    """For a part without multipliers, whatever the rate; nothing but the network is left behind."""
    done = build(weights, "ice40-hx8k", 50, tmp_path / "b")
    assert done.returncode == 5
    assert "the smallest folding takes about" in done.stderr and "LUTs" in done.stderr
    assert not (tmp_path / "b" / "folding.yaml").exists()
