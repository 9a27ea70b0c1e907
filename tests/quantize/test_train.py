"""Training: it learns, resumes exactly after a kill, and reports what is wrong."""

import csv
import math
import os
import re
import subprocess
import sys
import time

import pytest
from PIL import Image
from support.paths import ROOT

torch = pytest.importorskip("torch")

from quantize import export  # noqa: E402
from quantize import trainer as trainer_module  # noqa: E402
from quantize.checkpoint import CheckpointError, load_checkpoint  # noqa: E402
from quantize.compare import main as compare_main  # noqa: E402
from quantize.export import main  # noqa: E402
from quantize.optimizer import learning_rate  # noqa: E402
from quantize.spec import Train  # noqa: E402
from quantize.train import main as train_main  # noqa: E402
from quantize.trained import load_model, save_trained  # noqa: E402
from quantize.trainer import Trainer, TrainError, evaluate  # noqa: E402
from tbn_hw.shared.command import finish as finish_build  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    """Exact repetition needs no more, and tests run beside others."""
    torch.set_num_threads(1)


def test_it_learns(spec, stripes, tmp_path):
    trainer = Trainer(spec, stripes, tmp_path)
    assert trainer.fit() > 90
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 9)]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    model = load_model(spec, tmp_path / "checkpoint.pt")
    assert evaluate(model, stripes.test_images, stripes.test_labels) == float(rows[-1]["test_accuracy"])
    with Image.open(tmp_path / "learning_curve.png") as curve:
        assert curve.format == "PNG" and len(curve.convert("RGB").getcolors(1 << 24)) > 100  # something is drawn


@pytest.mark.parametrize("recipe", [
    {"optimizer": "adam"}, {"optimizer": "sgd"}, {"real_weights": 0.5, "balance": True, "images": 200},
])
def test_resume_is_exact(spec, stripes, tmp_path, recipe):
    spec = spec.with_train(epochs=5, **recipe)
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = Trainer(spec, stripes, tmp_path / "whole")
    whole.fit()

    class Stop(Exception):
        pass

    for last in (1, 3):  # stopped in the middle of epochs 2 and 4
        trainer = Trainer(spec, stripes, tmp_path / "parts")
        step, count = trainer._step, 0

        def stopping(*batch, trainer=trainer, step=step, last=last):
            nonlocal count
            count += trainer.epoch == last
            if count == 4:
                raise Stop
            return step(*batch)

        trainer._step = stopping
        with pytest.raises(Stop):
            trainer.fit()
    parts = Trainer(spec, stripes, tmp_path / "parts")
    assert parts.epoch == 3
    parts.fit()
    for (name, a), b in zip(whole.model.state_dict().items(), parts.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    columns = [[row[:3] for row in csv.reader((tmp_path / name / "metrics.csv").open())] for name in ("whole", "parts")]
    assert columns[0] == columns[1]


def test_start_from_another_training(spec, stripes, tmp_path):
    first = Trainer(spec, stripes, tmp_path)
    first.fit()
    again = Trainer(spec.with_train(epochs=1, learning_rate=1e-4, seed=5), stripes, tmp_path / "new")
    again.start(tmp_path / "checkpoint.pt")
    for a, b in zip(first.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert again.epoch == 0
    save_trained(first.model, tmp_path / "trained.safetensors")
    again.start(tmp_path / "trained.safetensors")
    for a, b in zip(again.binary, first.binary, strict=True):
        assert torch.equal(a.weight >= 0, b.weight >= 0) and not torch.equal(a.weight, b.weight)
    assert torch.equal(again.model.layers[0].weight, first.model.layers[0].weight)
    with pytest.raises(CheckpointError, match=r"network\.safetensors: holds no trained values of small$"):
        export.export(first.model).save(tmp_path / "network.safetensors")
        again.start(tmp_path / "network.safetensors")


def test_seed_decides_the_weights(spec, stripes, tmp_path):
    weights = []
    for index, seed in enumerate((0, 0, 1)):
        (tmp_path / str(index)).mkdir()
        trainer = Trainer(spec.with_train(seed=seed, epochs=1), stripes, tmp_path / str(index))
        trainer.fit()
        weights.append(trainer.model.layers[0].weight.detach())
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_bfloat16_keeps_thresholds_in_float32(spec, stripes, tmp_path):
    trainer = Trainer(spec.with_train(precision="bfloat16", epochs=1), stripes, tmp_path)
    kinds = []
    for layer in (trainer.model.layers[1], trainer.model.layers[2], trainer.model.layers[5]):
        layer.register_forward_hook(lambda _, inputs, __: kinds.append(inputs[0].dtype))
    trainer.fit()
    assert set(kinds) == {torch.float32}


@pytest.mark.parametrize("layer, sentence", [
    (-1, r"^the loss is nan in epoch 1, step 1; a smaller learning_rate helps most often$"),
    (0, r"^layers\.0\.weight is not finite after epoch 1; a smaller learning_rate helps most often$"),
])
def test_train_wrong(spec, stripes, tmp_path, layer, sentence):
    trainer = Trainer(spec, stripes, tmp_path)
    with torch.no_grad():
        trainer.model.layers[layer].weight.fill_(float("nan"))
    with pytest.raises(TrainError, match=sentence):
        trainer.fit()
    assert not list(tmp_path.iterdir())


def test_batches_have_a_bound(spec, stripes, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer_module, "MOST_BATCH_BYTES", 1000)
    with pytest.raises(TrainError, match=r"^batch 30 must have at most 1000 bytes of pictures, not 1080$"):
        Trainer(spec, stripes, tmp_path)


def test_magnitudes_are_drawn_anew(spec, stripes, tmp_path):
    """The signs of binary weights stay, and other weights do."""
    first = Trainer(spec.with_train(epochs=1), stripes, tmp_path / "first")
    first.fit()
    again = Trainer(spec, stripes, tmp_path / "again")
    again.start(tmp_path / "first" / "checkpoint.pt", 0.06)
    binary = {id(layer.weight) for layer in again.binary}
    for old, new in zip(first.model.parameters(), again.model.parameters(), strict=True):
        if id(new) in binary:
            assert torch.equal(torch.sign(old), torch.sign(new)) and not torch.equal(old, new)
            assert float(new.detach().abs().mean()) == pytest.approx(0.06)
        else:
            assert torch.equal(old, new)
    assert again.binary


def test_a_batch_fits_the_memory(spec, stripes, tmp_path, monkeypatch):
    """A page is four bytes here, as many as a value."""
    results = sum(math.prod(step.output) for step in spec.steps() if step.kind == "conv")
    sizes = {"SC_PAGE_SIZE": 4, "SC_PHYS_PAGES": 30 * results}
    monkeypatch.setattr(os, "sysconf", sizes.get)
    Trainer(spec, stripes, tmp_path)
    sizes["SC_PHYS_PAGES"] -= 1
    with pytest.raises(TrainError, match=r"^batch 30 keeps at least 0 GB of .*, and this machine has 0 GB; choose"):
        Trainer(spec, stripes, tmp_path)


def test_checkpoint_wrong(spec, stripes, tmp_path):
    file = tmp_path / "checkpoint.pt"
    Trainer(spec.with_train(epochs=1), stripes, tmp_path).fit()
    with pytest.raises(CheckpointError, match="checkpoint.pt: is of another model or recipe; choose another --output"):
        Trainer(spec.with_train(epochs=2), stripes, tmp_path)
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not a checkpoint", whole[:200] + bytes(300) + whole[500:]):
        file.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"checkpoint\.pt: is not a whole checkpoint$"):
            load_checkpoint(file)
    torch.save({"weights": 1}, file)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: is not a checkpoint of this project$"):
        load_checkpoint(file)
    with pytest.raises(CheckpointError, match=r"absent\.pt: cannot be read; No such file or directory$"):
        load_checkpoint(tmp_path / "absent.pt")


def test_learning_rate_warms_up_and_falls_to_zero():
    recipe = Train(epochs=10, learning_rate=1.0, warm_up=2.0)
    rates = [learning_rate(recipe, step, 50) for step in range(500)]
    assert rates[0] == pytest.approx(1 / 101) and max(rates) == rates[100] == 1 and rates[-1] < 1e-3
    assert rates[:101] == sorted(rates[:101]) and rates[100:] == sorted(rates[100:], reverse=True)
    assert rates[300] == pytest.approx(0.5)


def test_commands_after_a_kill(tmp_path, capsys):
    """The training command, killed and started again, gives the result of an undisturbed one. Then it is exported."""
    pytest.importorskip("sklearn")
    command = [sys.executable, "-m", "quantize.train", "--model", "tbn_digits", "--epochs", "3", "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = tmp_path / "killed"
    process = subprocess.Popen([*command, "--output", killed], env=environment, stderr=subprocess.DEVNULL)
    while not (killed / "metrics.csv").is_file():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    for output in (killed, tmp_path / "whole"):
        assert train_main([*command[3:], "--output", str(output)]) == 0
    files = []
    for output in (killed, tmp_path / "whole"):
        files.append(output / "network.safetensors")
        arguments = ["--model", "tbn_digits", "--checkpoint", output / "checkpoint.pt", "-o", files[-1], "--evaluate"]
        assert main([str(argument) for argument in arguments]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "test accuracy on 359 pictures: float " in capsys.readouterr().out


def test_commands_wrong(tmp_path, capsys):
    assert train_main(["--model", "tbn_cnv", "--output", str(tmp_path)]) == 1
    assert "data set cifar10 needs a folder; give one with --data" in capsys.readouterr().err
    assert train_main(["--model", "nothing"]) == 1
    assert "nothing: no such model file" in capsys.readouterr().err
    assert main(["--model", "tbn_cnv", "--checkpoint", str(tmp_path / "no"), "-o", str(tmp_path / "a")]) == 1
    assert "no: cannot be read; No such file or directory" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        train_main(["--model", "tbn_cnv", "--epochs", "0"])


@pytest.mark.parametrize(("more", "sentence"), [
    (["--images", "a.safetensors"], "--images needs a model file that names its data set; small has no 'dataset'"),
    (["--evaluate"], "--evaluate needs a model file that names its data set; small has no 'dataset'"),
    (["--trained", "a.bin"],
     "--trained must end in .safetensors, not 'a.bin'; --checkpoint knows it by that"),
])
def test_export_options_wrong(more, sentence, spec, monkeypatch, capsys):
    monkeypatch.setattr(export, "load_spec", lambda _: spec)
    with pytest.raises(SystemExit, match="2"):
        main(["--model", "small", *EXPORT, *more])
    assert capsys.readouterr().err == f"error: {sentence}; see python -m quantize.export --help\n"


def test_export_stopped(monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "load_model", stop)
    assert main(["--model", "tbn_digits", *EXPORT]) == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize(("error", "code", "line"), [
    (OSError(28, "No space left on device"), 1, "the output: No space left on device\n"),
    (OSError(28, "No space left on device", "a/b"), 1, "a/b: No space left on device\n"),
    (BrokenPipeError(32, "Broken pipe"), 141, ""),
    (BrokenPipeError(32, "Broken pipe", "a/pipe"), 1, "a/pipe: Broken pipe\n"),
])
def test_errors_of_files(error, code, line, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr(export, "load_model", fail)
    assert main(["--model", "tbn_digits", *EXPORT]) == code
    assert capsys.readouterr().err == line
    say = []
    assert finish_build(fail, say.append) == (2 if line else 141) and say == [f"error: {line.strip()}"] * bool(line)


def test_output_that_nothing_reads():
    """The command ends without a word, although its output is still in a buffer when it does."""
    reader, writer = os.pipe()
    os.close(reader)
    code = "from quantize.command import finish\nraise SystemExit(finish(lambda: print('x' * {}), (), ''))"
    for size in (1, 100_000):
        done = subprocess.run([sys.executable, "-c", code.format(size)], stdout=writer, stderr=subprocess.PIPE,
                              env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert (done.returncode, done.stderr) == (141, b"")
    os.close(writer)


def test_full_disk(tmp_path):
    """What was there stays, and the error names the checkpoint; `ulimit` stands in for the disk."""
    file = tmp_path / "checkpoint.pt"
    code = f"""
import numpy, torch
from pathlib import Path
from quantize.checkpoint import save_checkpoint
from quantize.command import finish
state = {{"weights": torch.zeros(100_000)}}
raise SystemExit(finish(lambda: save_checkpoint(Path({str(file)!r}), state, numpy.random.default_rng()), (), ""))
"""
    for blocks, done in (("unlimited", (0, "")), ("100", (1, f"{file}: File too large\n"))):
        ran = subprocess.run(["bash", "-c", f'ulimit -f {blocks}; exec "$0" -c "$1"', sys.executable, code],
                             capture_output=True, text=True,
                             env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert (ran.returncode, ran.stderr) == done
        assert list(tmp_path.iterdir()) == [file] and file.stat().st_size > 400_000


EXPORT = ("--checkpoint", "none", "-o", "none.safetensors")


@pytest.mark.parametrize(("command", "arguments", "sentence"), [
    (train_main, ["--seed", "4294967296"], "--seed must be at most 4294967295, not 4294967296"),
    (train_main, ["--threads", "999999999"], "--threads must be at most 1024, not 999999999"),
    (train_main, ["--learning-rate", "inf"], "--learning-rate must be a positive number, not inf"),
    (train_main, ["--redraw", "0", "--start", "a.pt"], "--redraw must be a positive number, not 0.0"),
    (train_main, ["--redraw", "0.1"], "--redraw needs --start"),
    (compare_main, ["--threads", "999999999"], "--threads must be at most 1024, not 999999999"),
    (compare_main, ["--epochs", "0"], "--epochs must be at least 1, not 0"),
    (main, [*EXPORT, "--threads", "-4"], "--threads must be at least 1, not -4"),
    (main, [*EXPORT, "--threads", "0"], "--threads must be at least 1, not 0"),
    (main, [*EXPORT, "--thread", "1"], "unrecognized arguments: --thread 1"),
])
def test_command_line_wrong(command, arguments, sentence, capsys):
    """One line says so, and where to read more; the beginning of an option's name is none."""
    with pytest.raises(SystemExit, match="2"):
        command(["--model", "tbn_digits", *arguments])
    said, _, program = capsys.readouterr().err.partition("; see ")
    assert said == f"error: {sentence}" and re.fullmatch(r"python -m quantize\.\w+ --help\n", program)


def test_nan_ends_the_command(tmp_path, capsys):
    pytest.importorskip("sklearn")
    assert train_main(["--model", "tbn_digits", "--learning-rate", "1e38", "--output", str(tmp_path)]) == 1
    assert "is not finite after epoch 1; a smaller learning_rate helps most often\n" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_unknown_device(device, capsys):
    with pytest.raises(SystemExit, match="2"):
        train_main(["--model", "tbn_digits", "--device", device])
    assert f"--device '{device}' cannot be used; " in capsys.readouterr().err
