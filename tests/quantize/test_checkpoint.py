"""Checkpoints, their metrics and trained values: the errors for a damaged or foreign one."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from support.paths import ROOT
from support.tensors import FOREIGN, write_tensors

torch = pytest.importorskip("torch")

from quantize.checkpoint import CheckpointError, load_checkpoint  # noqa: E402
from quantize.data import DataError  # noqa: E402
from quantize.export import export, main  # noqa: E402
from quantize.lowering import ExportError  # noqa: E402
from quantize.metrics import Epoch, read_metrics, write_metrics  # noqa: E402
from quantize.spec import load_spec  # noqa: E402
from quantize.trained import load_model, save_trained  # noqa: E402
from quantize.trainer import Trainer  # noqa: E402
from quantize.zoo import ZOO  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def states():
    return {}


@pytest.fixture
def trained(spec, stripes, tmp_path, states):
    """A spec, its data, and the state of a training that was stopped after one of two epochs; for each optimizer."""

    def make(**recipe):
        made, key = spec.with_train(epochs=2, **recipe), str(recipe)
        if key not in states:
            folder = tmp_path / "first"
            trainer = Trainer(made, stripes, folder)
            record = trainer._record

            def stop(*values):
                record(*values)
                raise KeyboardInterrupt

            trainer._record = stop
            with pytest.raises(KeyboardInterrupt):
                trainer.fit()
            states[key] = (folder / "checkpoint.pt").read_bytes()
        return made, torch.load(io.BytesIO(states[key]), weights_only=True)

    return make


def put(*place):
    """A change of a state: its last argument stands where the others lead to."""
    *inner, key, value = place

    def change(state):
        for part in inner:
            state = state[part]
        state[key] = value

    return change


def weight(state):
    return next(iter(state["weights"]))


WEIGHTS = "is not a checkpoint of this project; its weights must be tensors by name"
STATE = "is not a checkpoint of this project; its optimizer must be the state of an optimizer"
FORM = "is not a checkpoint of this project; its "
LOAD = {
    "weights that are a number": (put("weights", 3), WEIGHTS),
    "weights in a list": (put("weights", [torch.zeros(3)]), WEIGHTS),
    "a key that is a number": (put("weights", 3, torch.zeros(3)), WEIGHTS),
    "a key that is bytes": (put("weights", b"a", torch.zeros(3)), WEIGHTS),
    "a weight that is text": (put("weights", "a", "b"), WEIGHTS),
    "a weight of nothing": (put("weights", "a", torch.empty(3, device="meta")), WEIGHTS),
    "a complex weight": (put("weights", "a", torch.zeros(3) * 1j), WEIGHTS),
    "a sparse weight": (put("weights", "a", torch.eye(3).to_sparse()), WEIGHTS),
    "epochs as text": (put("epoch", "3"), FORM + "epoch must be a number from 0 to 1000000000"),
    "half an epoch": (put("epoch", 1.5), FORM + "epoch must be a number from 0 to 1000000000"),
    "a truth for epochs": (put("epoch", True), FORM + "epoch must be a number from 0 to 1000000000"),
    "no epoch": (put("epoch", None), FORM + "epoch must be a number from 0 to 1000000000"),
    "negative epochs": (put("epoch", -5), FORM + "epoch must be a number from 0 to 1000000000"),
    "an epoch of 300 digits": (put("epoch", 10**300), FORM + "epoch must be a number from 0 to 1000000000"),
    "no random state": (put("random", {}), FORM + "random must be the states of torch's and NumPy's generators"),
    "half a random state": (lambda state: state["random"].pop("numpy"), FORM + "random must be the states of "),
    "random text": (put("random", "numpy", "0x1"), FORM + "random must be the states of "),
    "an optimizer that is a list": (put("optimizer", []), STATE),
    "empty optimizer": (put("optimizer", {}), STATE),
    "averages that are text": (put("optimizer", "state", 0, "exp_avg", "x"), STATE),
    "complex averages": (put("optimizer", "state", 0, "exp_avg", torch.zeros(3) * 1j), STATE),
    "groups that are text": (put("optimizer", "param_groups", "abc"), STATE),
    "a recipe that is none": (put("recipe", None), FORM + "recipe must be text"),
    "a model that is a list of itself": (lambda state: state.update(model=[state]), FORM + "model must be text"),
}
RANDOM, OPTIMIZER = "the states of its random generators are damaged", "its optimizer cannot go on; "
RESUME = {
    "more epochs than the recipe's": (put("epoch", 3), "its epoch must be at most the recipe's 2, not 3"),
    "other weights": (put("weights", "a", torch.zeros(3)), "is of another model or recipe; choose another --output"),
    "short NumPy state": (put("random", "numpy", ["0x1"]), RANDOM),
    "NumPy state of no numbers": (put("random", "numpy", ["x"] * 4), RANDOM),
    "negative NumPy state": (put("random", "numpy", ["-0x1"] * 4), RANDOM),
    "torch state of another type": (put("random", "torch", torch.zeros(5056)), RANDOM),
    "short torch state": (put("random", "torch", torch.zeros(9, dtype=torch.uint8)), RANDOM),
    "no averages": (put("optimizer", "state", {}), OPTIMIZER),
    "negative steps": (put("optimizer", "state", 0, "step", torch.tensor(-9.0)), OPTIMIZER),
    "steps that are truths": (put("optimizer", "state", 0, "step", torch.tensor(True)), OPTIMIZER),
    "averages of another shape": (put("optimizer", "state", 0, "exp_avg", torch.zeros(7)), OPTIMIZER),
    "averages that are no numbers": (put("optimizer", "state", 1, {}), OPTIMIZER),
    "no steps": (lambda state: state["optimizer"]["state"][0].pop("step"), OPTIMIZER),
    "no groups": (put("optimizer", "param_groups", []), OPTIMIZER),
    "other betas": (put("optimizer", "param_groups", 0, "betas", (0.5, 0.5)), OPTIMIZER),
    "betas that are text": (put("optimizer", "param_groups", 0, "betas", "ab"), OPTIMIZER),
    "decay that is a tensor": (put("optimizer", "param_groups", 0, "weight_decay", torch.ones(3)), OPTIMIZER),
}


@pytest.mark.parametrize("case", [*LOAD, *RESUME])
def test_damaged_state(case, trained, stripes, tmp_path):
    spec, state = trained()
    change, sentence = (LOAD | RESUME)[case]
    file = tmp_path / "checkpoint.pt"
    torch.save(state, file)
    assert Trainer(spec, stripes, tmp_path).epoch == 1
    change(state)
    torch.save(state, file)
    with pytest.raises(CheckpointError) as error:
        Trainer(spec, stripes, tmp_path)
    assert str(error.value).startswith(f"{file}: {sentence}") and "\n" not in str(error.value)
    if case in LOAD:
        with pytest.raises(CheckpointError):
            load_model(spec, file)


@pytest.mark.parametrize("recipe", [{"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0.0}])
def test_other_optimizers(recipe, trained, stripes, tmp_path):
    spec, state = trained(**recipe)
    torch.save(state, tmp_path / "checkpoint.pt")
    assert Trainer(spec, stripes, tmp_path).epoch == 1
    state["optimizer"]["state"] = {0: {"momentum_buffer": torch.zeros(1)}}
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: its optimizer cannot go on; "):
        Trainer(spec, stripes, tmp_path)


BATCH_NORM, TRITS, CONV = "layers.1.running_var", "layers.2.delta", "layers.3.weight"
VALUES = {
    "nan": (CONV, float("nan"), f"{CONV} must be finite"),
    "infinite": (BATCH_NORM, float("inf"), f"{BATCH_NORM} must be finite"),
    "negative variance": (BATCH_NORM, -0.5, f"{BATCH_NORM} must not be negative"),
    "negative delta": (TRITS, -0.5, f"{TRITS} must be above 0"),
    "no delta": (TRITS, 0.0, f"{TRITS} must be above 0"),
    "huge weights": (CONV, 1e38, f"{CONV} must have a scale that is finite"),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_that_no_network_has(case, trained, stripes, tmp_path, monkeypatch, capsys):
    """Refused by the export and by going on, with the file and the value's name; by the function with the model's."""
    spec, state = trained()
    name, value, sentence = VALUES[case]
    model = Trainer(spec, stripes, tmp_path / "other").model.eval()
    state["weights"][name].fill_(value)
    file = tmp_path / "checkpoint.pt"
    torch.save(state, file)
    monkeypatch.setattr("quantize.export.load_spec", lambda _: spec)
    capsys.readouterr()  # the training's progress, if this is the first test that needed one
    assert main(["--model", "small", "--checkpoint", str(file), "-o", str(tmp_path / "net.safetensors")]) == 1
    assert capsys.readouterr().err == f"{file}: {sentence}\n" and not (tmp_path / "net.safetensors").exists()
    with pytest.raises(CheckpointError, match=sentence):
        Trainer(spec, stripes, tmp_path)
    model.load_state_dict(state["weights"])
    with pytest.raises(ExportError, match=f"^small: {sentence}$"):
        export(model)


def test_peaks_that_no_training_leaves(random_model):
    model = random_model("""
        conv: {channels: 4, kernel: 3, weights: int8}
        batch_norm
        int8
        flatten
        dense: {units: 5, weights: int8}
    """)
    model.layers[2].peak.fill_(-1)
    with pytest.raises(ExportError, match=r"^small: layers\.2\.peak must not be negative$"):
        export(model)


def test_packed_archives_are_refused(trained, tmp_path):
    """Torch does not compress its files. A compressed one could grow to any size."""
    spec, state = trained()
    file = tmp_path / "checkpoint.pt"
    torch.save(state, file)
    with zipfile.ZipFile(file) as stored, zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in stored.infolist():
            packed.writestr(entry.filename, stored.read(entry))
    with pytest.raises(CheckpointError, match=r"packed\.pt: is not a whole checkpoint$"):
        load_checkpoint(tmp_path / "packed.pt")


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
def test_foreign_pickles_say_one_line(tmp_path):
    """Neither torch's advice to trust the file nor its warnings are shown. Nothing in the file is executed."""
    class Foreign:
        def __reduce__(self):
            return print, ("executed",)

    torch.save({"weights": Foreign()}, tmp_path / "foreign.pt")
    torch.save({"weights": Foreign()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.jit.script(torch.nn.ReLU()).save(str(tmp_path / "script.pt"))
    files = [str(tmp_path / f"{name}.pt") for name in ("foreign", "old", "script")]
    code = ("import sys; from quantize.export import main\n"
            "for file in sys.argv[1:]: assert main(['--model', 'tbn_digits', '--checkpoint', file, '-o', 'none']) == 1")
    done = subprocess.run([sys.executable, "-c", code, *files], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [f"{file}: is not a whole checkpoint" for file in files]


TRAINED = {
    "no bits": lambda arrays: arrays.pop(next(name for name in arrays if name.endswith(".bits"))),
    "real bits": lambda arrays: arrays.update({name: value.astype(np.float32) for name, value in arrays.items()}),
    "no magnitude": lambda arrays: arrays.pop("layers.0.weight"),
    "other magnitudes": lambda arrays: arrays.update({"layers.0.weight": np.zeros((3, 1, 1, 1), np.float32)}),
    "wide magnitudes": lambda arrays: arrays.update({"layers.0.weight": np.zeros((16, 1, 3, 3), np.float32)}),
    "truths": lambda arrays: arrays.update({"layers.0.weight": np.zeros((16, 1, 1, 1), bool)}),
    "unsigned": lambda arrays: arrays.update({"layers.1.bias": np.zeros(16, np.uint64)}),
    "one more": lambda arrays: arrays.update({"more": np.zeros(1, np.float32)}),
}


@pytest.mark.parametrize("case", TRAINED)
def test_damaged_trained_values(case, tmp_path):
    spec, file = load_spec("tbn_digits"), tmp_path / "a.safetensors"
    save_trained(load_model(spec, ZOO / "tbn_digits.trained.safetensors"), file)
    with safetensors.safe_open(file, "np") as opened:
        metadata, arrays = opened.metadata(), {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    TRAINED[case](arrays)
    safetensors.numpy.save_file(arrays, file, metadata=metadata)
    if case == "unsigned":  # zeros in another type are the same values
        load_model(spec, file)
        return
    with pytest.raises(CheckpointError, match=r"a\.safetensors: its weights are not those of tbn_digits$"):
        load_model(spec, file)


@pytest.mark.parametrize("kind", FOREIGN)
def test_trained_values_of_foreign_types(kind, tmp_path):
    write_tensors(tmp_path / "a.safetensors", {"layers.0.weight": (kind, (16,))}, {"tbn_hw_trained": "tbn_digits"})
    with pytest.raises(CheckpointError, match=r"a\.safetensors: (array 'layers\.0\.weight' cannot|is not a whole)"):
        load_model(load_spec("tbn_digits"), tmp_path / "a.safetensors")


def test_metrics(tmp_path):
    file, rows = tmp_path / "metrics.csv", [Epoch(1, 0.5, 90.25, 3.5), Epoch(2, 0.25, 91.0, 3.25)]
    assert read_metrics(file) == []
    write_metrics(file, rows)
    text = file.read_bytes().decode()
    assert text == "epoch,loss,test_accuracy,seconds\n1,0.50000,90.25,3.5\n2,0.25000,91.00,3.2\n".replace("\n", "\r\n")
    write_metrics(file, read_metrics(file))
    assert file.read_bytes().decode() == text


@pytest.mark.parametrize("content", [
    b"epoch,loss\nx,y\n", b"e,l,t,s\n1,2,3\n", b"e,l,t,s\n1,2,3,\xff\n", b"e,l,t,s\n" + b"9" * 5000 + b",1,1,1\n",
    b"e,l,t,s\n\xc2\xb2,1,1,1\n", b"e,l,t,s\n1,2,3,\"" + b"4" * 200_000, b"e,l,t,s\n1,2,3,4,5\n",
])
def test_damaged_metrics(content, spec, stripes, tmp_path):
    """Said before an epoch is trained, and not after it."""
    (tmp_path / "metrics.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"metrics\.csv: is no table of metrics; remove it, and training begins "):
        Trainer(spec, stripes, tmp_path)
