"""Builds of model files without trained weights: estimates are free, and all else must be asked for."""

from pathlib import Path

import pytest
from support.builds import build

from quantize.network import Network
from quantize.untrained import SEED
from quantize.zoo import ZOO
from tbn_hw.exploration.options import parse
from tbn_hw.options import Random
from tbn_hw.stages.load import load

SMALL = """
name: small
input: {shape: [4, 4, 1]}
classes: [a, b, c]
layers:
  - conv: {channels: 2, kernel: 3, weights: binary}
  - batch_norm
  - ternary
  - flatten
  - dense: {units: 3, weights: binary}
"""
NOTE = ("there are no trained weights beside the model file, so random ones are taken; cycles are those of the trained "
        "network, cost is about that, and its classes mean nothing")


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def test_until_fold(small):
    done = build("--model", "small.yaml", "--until", "fold", cwd=small)
    assert done.returncode == 0 and f"note: small.yaml: {NOTE}" in done.stderr, done.stderr
    assert "cycles a frame" in done.stderr and (small / "build" / "small" / "folding.yaml").is_file()
    first = (small / "build" / "small" / "network.safetensors").read_bytes()
    build("--model", "small.yaml", "--until", "load", "--output", small / "again", cwd=small)
    assert (small / "again" / "network.safetensors").read_bytes() == first


@pytest.mark.parametrize("until", ["generate", "verify", "synthesise", "route", "report"])
def test_later_stages_refuse(until, small):
    done = build("--model", "small.yaml", "--until", until, cwd=small)
    assert done.returncode == 1 and not (small / "build").exists()
    assert ("error: small.yaml: there are no trained weights beside the model file; train it with python -m "
            "quantize.train and give them with --weights, or take random ones with --weights random") in done.stderr


def test_packaged_models_without_weights():
    loaded = load("tbn_resnet18", None, estimate=True)
    assert loaded.seed == SEED and NOTE in loaded.notes[0] and len(loaded.network.nodes) == 61


def test_random_weights_go_before_trained_ones():
    trained, random = load("tbn_digits", None, estimate=True), load("tbn_digits", Random())
    assert trained.seed is None and not trained.notes and trained.pictures is not None
    assert trained.network.to_bytes() == Network.load(ZOO / "tbn_digits.safetensors").to_bytes()
    assert random.network.to_bytes() != trained.network.to_bytes() and random.pictures is None


def test_explore_takes_them_too():
    given = ["--model", "small.yaml", "--targets", "icebreaker", "--weights"]
    assert parse([*given, "random"]).weights == Random() and str(Random()) == "random"
    assert parse([*given, "./random"]).weights == Path("random")
