"""Several processes train one network: equal weights in all, written once."""

import csv
import os
import subprocess
import sys

import pytest
from support.paths import ROOT

torch = pytest.importorskip("torch")

from quantize.group import Group  # noqa: E402
from quantize.spec import load_spec  # noqa: E402
from quantize.trained import load_model  # noqa: E402
from quantize.trainer import Trainer, TrainError  # noqa: E402


def torchrun(*arguments):
    root = ROOT
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
         "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", *arguments],
        env=environment, capture_output=True, text=True, timeout=600)


def test_two_processes_train_one_network(tmp_path):
    """With the command's own options; one result, one row of metrics an epoch."""
    pytest.importorskip("sklearn")
    run = torchrun("-m", "quantize.train", "--model", "tbn_digits", "--epochs", "4", "--output", str(tmp_path / "two"))
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("test accuracy ") == 1
    rows = list(csv.DictReader((tmp_path / "two" / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[-1]["test_accuracy"]) > 85
    assert load_model(load_spec("tbn_digits"), tmp_path / "two" / "checkpoint.pt")


def test_weights_are_equal_in_all(tmp_path):
    """Each process sees other pictures and writes its final weights."""
    script = tmp_path / "script.py"
    script.write_text(f"""
import numpy as np, torch
from pathlib import Path
from quantize.data import Dataset
from quantize.group import Group
from quantize.spec import load_spec
from quantize.trainer import Trainer
random = np.random.default_rng(0)
data = Dataset(*(random.integers(0, n, s).astype(t) for n, s, t in
                 ((256, (128, 8, 8, 1), np.uint8), (10, 128, np.int64)) * 2))
with Group.join("cpu") as group:
    trainer = Trainer(load_spec("tbn_digits").with_train(epochs=1), data, Path({str(tmp_path)!r}), group=group)
    seen, step = [], trainer._step
    trainer._step = lambda images, labels: (seen.append(images.sum().item()), step(images, labels))[1]
    accuracy = trainer.fit()
    torch.save([accuracy, seen, *(p.detach() for p in trainer.model.parameters())],
               f"{tmp_path}/{{group.rank}}.pt")
""")
    run = torchrun(str(script))
    assert run.returncode == 0, run.stderr
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first[0] == second[0] and first[1] != second[1] and len(first[1]) == 2
    for mine, other in zip(first[2:], second[2:], strict=True):
        assert torch.equal(mine, other)


def test_group_wrong(spec, stripes, tmp_path):
    with pytest.raises(TrainError, match=r"^batch 30 must be a multiple of the 4 processes$"):
        Trainer(spec, stripes, tmp_path, group=Group("cpu", 3, 4))
    alone = Group("cpu")
    assert (alone.mean(2.5), alone.first(1.5)) == (2.5, 1.5)
