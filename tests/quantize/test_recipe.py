"""What a recipe asks of training beside epochs and rates: distillation, stages, balance, fewer pictures."""

import json

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402, N812

from quantize import train as command  # noqa: E402
from quantize.checkpoint import load_checkpoint  # noqa: E402
from quantize.distill import distill_loss  # noqa: E402
from quantize.layers import Conv  # noqa: E402
from quantize.nodes.window import Window  # noqa: E402
from quantize.optimizer import constrain, learning_rate  # noqa: E402
from quantize.spec import Distill, SpecError, Train, parse_spec  # noqa: E402
from quantize.trainer import Trainer, TrainError, taught  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def test_distill_loss():
    logits, taught = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([[0.5, 0.0], [3.0, 1.0]])
    labels_loss = torch.tensor(0.7)
    p, q = F.softmax(taught / 2, 1), F.softmax(logits / 2, 1)
    want = 0.25 * 0.7 + 0.75 * 4 * (p * (p / q).log()).sum(1).mean()
    assert distill_loss(logits, taught, labels_loss, Distill(weight=0.75, temperature=2.0)).item() == pytest.approx(
        want.item())
    same = distill_loss(taught, taught, labels_loss, Distill(weight=1.0))
    assert same.item() == pytest.approx(0, abs=1e-6)


def test_the_command_trains_the_teacher_first(spec, stripes, tmp_path, monkeypatch, capsys):
    """And goes on exactly: the second call finds both finished."""
    spec = spec.with_train(epochs=2, distill={"weight": 1.0})
    monkeypatch.setattr(command, "load_spec", lambda _: spec)
    monkeypatch.setattr(command, "load_data", lambda *_: stripes)
    arguments = ["--model", "small", "--output", str(tmp_path), "--device", "cpu"]
    assert command.main(arguments) == 0
    teacher = load_checkpoint(tmp_path / "teacher" / "checkpoint.pt")
    student = load_checkpoint(tmp_path / "checkpoint.pt")
    assert (teacher.model, student.model, student.epoch) == ("small:full", "small", 2)
    times = [(folder / "checkpoint.pt").stat().st_mtime_ns for folder in (tmp_path, tmp_path / "teacher")]
    assert command.main(arguments) == 0
    assert times == [(folder / "checkpoint.pt").stat().st_mtime_ns for folder in (tmp_path, tmp_path / "teacher")]
    first, second = capsys.readouterr().out.splitlines()
    assert first == second


def test_only_the_teacher_teaches(spec, stripes, tmp_path):
    """With weight 1 labels count for nothing: wrong ones give the same weights."""
    spec = spec.with_train(epochs=1, distill={"weight": 1.0})
    weights = []
    for index, labels in enumerate((stripes.train_labels, stripes.train_labels[::-1].copy())):
        teacher = Trainer(spec.with_train(distill=None), stripes, tmp_path / "none", strategy="full").model
        (tmp_path / str(index)).mkdir()
        changed = type(stripes)(stripes.train_images, labels, stripes.test_images, stripes.test_labels)
        trainer = Trainer(spec, changed, tmp_path / str(index), teacher=teacher)
        trainer.fit()
        weights.append(trainer.model.layers[0].weight.detach())
    assert torch.equal(*weights)
    with pytest.raises(ValueError, match="^a recipe that distills or starts from .* needs a teacher$"):
        Trainer(spec, stripes, tmp_path)


def test_full_precision_comes_first(spec, stripes, tmp_path):
    """With the keys of its own; then the network starts from its weights, if no checkpoint is there."""
    full = {"epochs": 3, "optimizer": "sgd", "momentum": 0.5}
    spec = spec.with_train(epochs=2, start="full", balance=True, full=full)
    own = spec.with_full().train
    assert (own.epochs, own.optimizer, own.momentum, own.learning_rate, own.balance) == (3, "sgd", 0.5, 0.01, False)
    teacher = taught(spec, stripes, tmp_path / "teacher")
    assert load_checkpoint(tmp_path / "teacher" / "checkpoint.pt").epoch == 3
    trainer = Trainer(spec, stripes, tmp_path, teacher=teacher)
    state = trainer.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in teacher.state_dict().items())
    assert set(state) - set(teacher.state_dict()) == {"layers.2.delta"} and trainer.teacher is None
    trainer.fit()
    again = Trainer(spec, stripes, tmp_path, teacher=teacher)
    assert again.epoch == 2 and not torch.equal(again.model.layers[3].weight, teacher.layers[3].weight)
    with pytest.raises(ValueError, match="^a recipe that distills or starts from .* needs a teacher$"):
        Trainer(spec, stripes, tmp_path / "none")
    assert spec.with_train(start="random").with_full() is None


def test_real_weights_come_first(spec, stripes, tmp_path):
    trainer = Trainer(spec.with_train(epochs=4, real_weights=0.5), stripes, tmp_path)
    seen, step = [], trainer._step
    trainer._step = lambda *batch: (seen.append(trainer.binary[0].weights), step(*batch))[1]
    trainer.fit()
    assert seen == ["float32"] * 20 + ["binary"] * 20 and len(trainer.binary) == 1
    assert [layer.weights for layer in trainer.model.modules() if isinstance(layer, Conv)] == ["int8", "binary"]


def test_each_stage_has_its_own_schedule():
    recipe = Train(epochs=10, learning_rate=1.0, real_weights=0.4)
    rates = [learning_rate(recipe, step, 50) for step in range(500)]
    assert max(rates[:200]) == max(rates[200:]) == 1 and rates[0] == rates[200] < 0.1
    assert rates[199] < 1e-3 and rates[499] < 1e-3
    alone = Train(epochs=6, learning_rate=1.0)
    assert rates[200:] == [learning_rate(alone, step, 50) for step in range(300)]


def test_balance(spec, stripes, tmp_path):
    layer = Conv(3, 4, window=Window((3, 3)), weights="binary")
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(-2, 3, 108).reshape(4, 3, 3, 3))
    constrain([layer], balance=False)
    assert (layer.weight.amin().item(), layer.weight.amax().item()) == (-1, 1)
    constrain([layer], balance=True)
    assert layer.weight.mean((1, 2, 3)).abs().max() < 1e-6
    trainer = Trainer(spec.with_train(balance=True, epochs=1), stripes, tmp_path)
    trainer.fit()
    assert trainer.binary[0].weight.mean((1, 2, 3)).abs().max() < 1e-6


def test_fewer_pictures(spec, stripes, tmp_path):
    trainer = Trainer(spec.with_train(images=60, epochs=1), stripes, tmp_path)
    seen, step = [], trainer._step
    trainer._step = lambda images, labels: (seen.append(len(images)), step(images, labels))[1]
    trainer.fit()
    assert seen == [30, 30]
    with pytest.raises(TrainError, match=r"^images must be at most the data set's 300, not 301$"):
        Trainer(spec.with_train(images=301), stripes, tmp_path / "more")


def test_older_checkpoints_resume(spec, stripes, tmp_path):
    """Their recipe lacks keys that are younger; those at their default change nothing."""
    spec = spec.with_train(epochs=2)
    Trainer(spec, stripes, tmp_path).fit()
    state = vars(load_checkpoint(tmp_path / "checkpoint.pt"))
    recipe = json.loads(state["recipe"])
    for key in ("images", "distill", "start", "full", "real_weights", "balance"):
        del recipe["train"][key]
    torch.save({**state, "recipe": json.dumps(recipe)}, tmp_path / "checkpoint.pt")
    assert Trainer(spec, stripes, tmp_path).epoch == 2
    with pytest.raises(ValueError, match="of another model or recipe"):
        Trainer(spec.with_train(balance=True), stripes, tmp_path)
    torch.save({**state, "recipe": "none"}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="of another model or recipe"):
        Trainer(spec, stripes, tmp_path)


@pytest.mark.parametrize("recipe, sentence", [
    ("{distill: {weight: 2}}", r"^m\.yaml:\d+: train\.distill\.weight: must be at most 1\.0, not 2$"),
    ("{distill: {temperature: 0}}", r"train\.distill\.temperature: must be greater than 0\.0, not 0$"),
    ("{distill: {teacher: big}}", r"train\.distill\.teacher: unknown key 'teacher'$"),
    ("{real_weights: 1}", r"train\.real_weights: must be less than 1\.0, not 1$"),
    ("{start: teacher}", r"train\.start: must be 'random' or 'full', not 'teacher'$"),
    ("{full: {epochs: 0}}", r"train\.full\.epochs: must be at least 1, not 0$"),
    ("{full: {batch: 8}}", r"train\.full\.batch: unknown key 'batch'$"),
    ("{images: 0}", r"train\.images: must be at least 1, not 0$"),
])
def test_recipe_wrong(spec_text, recipe, sentence):
    text = spec_text("flatten\ndense: {units: 5, weights: int8}")
    assert parse_spec(text + "train: {distill: {}, balance: true}\n").train.distill == Distill()
    with pytest.raises(SpecError, match=sentence):
        parse_spec(text + f"train: {recipe}\n", "m.yaml")
