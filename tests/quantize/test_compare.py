"""The comparison: every run once, resumed after a stop, and its table."""

import argparse
import csv
import io

import pytest
from rich.console import Console

torch = pytest.importorskip("torch")

from quantize import compare  # noqa: E402
from quantize.checkpoint import load_checkpoint  # noqa: E402
from quantize.compare import RECIPES, table  # noqa: E402
from quantize.runs import Result, spread  # noqa: E402
from quantize.trainer import Trainer  # noqa: E402


@pytest.fixture
def run(spec, stripes, tmp_path, monkeypatch):
    """Calls the command on the small model."""
    monkeypatch.setattr(compare, "load_spec", lambda _: spec)
    monkeypatch.setattr(compare, "load_data", lambda *_: stripes)

    def call(*more):
        return compare.main(["--model", "small", "--output", str(tmp_path), "--threads", "1", "--device", "cpu",
                             "--epochs", "3", *more])

    return call


def test_every_run_once(run, tmp_path, monkeypatch, capsys):
    trained, fit = [], Trainer.fit

    def counted(trainer, *arguments):
        trained.append((trainer.output.name, trainer.epoch))
        if len(trained) == 4:
            raise KeyboardInterrupt
        return fit(trainer, *arguments)

    monkeypatch.setattr(Trainer, "fit", counted)
    assert run("--seeds", "2", "--images", "200") == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert run("--seeds", "2", "--images", "200") == 0
    names = [f"{strategy}-{seed}" for seed in (0, 1) for strategy in ("full", "BWN", "XNOR", "TBN")]
    assert trained == [(name, 0) for name in [*names[:4], *names[3:]]]
    rows = list(csv.DictReader((tmp_path / "compare.csv").open()))
    assert [f"{row['name']}-{row['seed']}" for row in rows] == names
    assert all((row["integer"] == "") == (row["name"] in ("full", "BWN")) for row in rows)
    assert all(float(row["accuracy"]) > 40 for row in rows)  # three classes
    assert "over XNOR-Net" in capsys.readouterr().out
    before = (tmp_path / "compare.csv").read_bytes()
    assert run("--seeds", "2", "--images", "200") == 0
    assert len(trained) == 9 and (tmp_path / "compare.csv").read_bytes() == before


def test_recipes(run, tmp_path, capsys):
    """Each option of a recipe by itself is compared with the recipe without any. The teacher is trained with its pupil.
    """
    names = list(RECIPES)
    assert run("--seeds", "1", "--images", "200", "--recipes", *names) == 0
    rows = {row["name"]: float(row["accuracy"]) for row in csv.DictReader((tmp_path / "recipes.csv").open())}
    assert list(rows) == names and min(rows.values()) > 40
    assert "over plain" in capsys.readouterr().out
    weights = {name: load_checkpoint(tmp_path / f"{name}-0" / "checkpoint.pt").weights for name in names}
    plain = weights.pop("plain")
    assert all(any(not torch.equal(plain[key], other[key]) for key in plain) for other in weights.values())
    with pytest.raises(SystemExit, match="2"):
        run("--recipes", "plain", "--strategies", "TBN")
    assert (tmp_path / "distill-0" / "teacher" / "checkpoint.pt").is_file()


def test_recipes_differ_in_one_option(spec):
    """Whatever the model file's own recipe has of them."""
    asked = argparse.Namespace(epochs=None, images=None, seeds=1, recipes=list(RECIPES))
    every = spec.with_train(distill={}, start="full", real_weights=0.25, balance=True).with_gradient("saw")
    for own in (spec, every):
        plain, *others = [run.spec for run in compare._recipes(own, asked)]
        assert plain.with_full() is None and not plain.train.real_weights and not plain.train.balance
        for other in others:
            ours, theirs = plain.train.model_dump(), other.train.model_dump()
            changed = [key for key in ours if ours[key] != theirs[key]] + ["layers"] * (plain.layers != other.layers)
            assert len(changed) == 1


def test_compare_wrong(run, tmp_path, capsys):
    assert run("--seeds", "1", "--strategies", "TBN") == 0
    capsys.readouterr()
    assert run("--seeds", "1", "--strategies", "TBN", "--images", "100") == 1
    assert "checkpoint.pt: is of another model or recipe; choose another --output" in capsys.readouterr().err
    (tmp_path / "compare.csv").write_text("a,b\n1,2\n")
    assert run("--seeds", "1", "--strategies", "TBN") == 1
    assert "compare.csv: is no table of results; remove it" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        run("--seeds", "0")
    with pytest.raises(SystemExit, match="2"):
        run("--strategies", "TWN")


def test_table():
    results = [Result("XNOR", 0, 80.0, 79.9), Result("XNOR", 1, 82.0, 82.1),
               Result("TBN", 0, 84.0, 84.0), Result("TBN", 1, 85.0, 85.0), Result("full", 0, 90.0, None)]
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(table(results, "XNOR"))
    rows = [[cell.strip() for cell in line.split("\u2502")[1:-1]] for line in console.export_text().splitlines()
            if "\u2502" in line]
    assert rows == [
        ["XNOR-Net", "2", "81.00 +- 1.41", "81.00 +- 1.56", ""],
        ["TBN", "2", "84.50 +- 0.71", "84.50 +- 0.71", "+3.50 +- 0.71"],
        ["full precision", "1", "90.00", "", "+10.00"],
    ]
    assert spread([]) == ""
