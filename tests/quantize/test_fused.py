"""The compiled functions equal torch's modules, to the rounding of float32, and report what they cannot do."""

import copy
import csv

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402, N812

from quantize import fused  # noqa: E402
from quantize import train as command  # noqa: E402
from quantize.fused import CompilerError, fuse, library  # noqa: E402
from quantize.layers import Conv, Fixed, Residual, Ternary  # noqa: E402
from quantize.nodes.window import Window  # noqa: E402
from quantize.spec import parse_spec  # noqa: E402
from quantize.strategy import build_strategy  # noqa: E402
from quantize.trainer import Trainer  # noqa: E402

LAYERS = """
conv: {channels: 6, kernel: 3, padding: 1, weights: int8}
batch_norm
fixed: {width: 18}
residual: {channels: 6, repeat: 2, body: [batch_norm, ternary, {conv: {kernel: 3, padding: 1, weights: binary}}]}
residual: {channels: 10, stride: 2, body: [batch_norm, binary, {conv: {kernel: 3, padding: 1, weights: binary}}]}
batch_norm
ternary
conv: {channels: 7, kernel: 3, weights: binary}
max_pool: {kernel: 2}
batch_norm
relu
int8
flatten
dense: {units: 4, weights: int8}
"""


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def spec10(spec_text):
    return parse_spec(spec_text(LAYERS, height=14, width=14, classes=4))


def step(model, images, labels, bfloat16):
    """Logits and gradients of one step of training, and logits of the evaluation after it."""
    model.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits = model(images)
    F.cross_entropy(logits.float(), labels).backward()
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        after = model(images)
    return logits.detach().float(), [p.grad for p in model.parameters()], after.float()


@pytest.mark.parametrize("strategy", ["TBN", "full", "BWN"])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_network(spec10, strategy, bfloat16):
    """Gradients may differ a little: a value that rounding moves over a threshold passes its gradient or not."""
    torch.manual_seed(0)
    plain = build_strategy(spec10, strategy)
    other = copy.deepcopy(plain)
    fuse(other)
    images = torch.randint(0, 256, (64, 14, 14, 3), dtype=torch.uint8)
    labels = torch.randint(0, 4, (64,))
    want, got = (step(model, images, labels, bfloat16) for model in (plain, other))
    tolerance = 0.05 if bfloat16 else 1e-3
    torch.testing.assert_close(got[0], want[0], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(got[2], want[2], rtol=tolerance, atol=tolerance)
    largest = max(float(grad.norm()) for grad in want[1])
    for a, b in zip(got[1], want[1], strict=True):
        assert (a - b).norm() <= tolerance * max(float(b.norm()), 0.1 * largest)
    for (name, a), b in zip(other.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("shape", [(4, 16, 8, 8), (3, 5, 7, 1), (9, 130, 1, 1)])
@pytest.mark.parametrize("kind", ["relu", "ternary", "fixed delta", "plain"])
def test_batch_norm(shape, kind):
    """Values, gradients and statistics of one layer in float32, against torch's."""
    activation = {"relu": torch.nn.ReLU(), "plain": torch.nn.Identity()}.get(kind) or Ternary(
        delta=0.7 if kind == "fixed delta" else "running", gradient="straight_through", scale="one", momentum=0.3)
    torch.manual_seed(0)
    plain = torch.nn.ModuleList([torch.nn.BatchNorm2d(shape[1], momentum=0.2), activation])
    torch.nn.init.normal_(plain[0].weight)
    torch.nn.init.normal_(plain[0].bias)
    other = copy.deepcopy(plain)
    fuse(torch.nn.Sequential(other))
    x, grad = torch.randn(shape) * 3 + 1, torch.randn(shape)
    results = []
    for layers in (plain, other):
        own = x.clone().requires_grad_()
        y = layers[1](layers[0](own))
        y.backward(grad)
        results.append([y.detach(), own.grad, layers[0].weight.grad, layers[0].bias.grad, *layers.buffers()])
    for want, got in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
    assert other[1](x) is x or kind == "plain"


def test_threads_change_nothing():
    """The sums' order is that of the chunks: over one thread or three."""
    first = torch.nn.ModuleList([torch.nn.BatchNorm2d(6), Ternary(
        delta="running", gradient="straight_through", scale="one", momentum=0.1)])
    x, grad = torch.randn(64, 6, 40, 40), torch.randn(64, 6, 40, 40)
    results = []
    for threads in (1, 3):
        layers = copy.deepcopy(first)
        fuse(torch.nn.Sequential(layers))
        torch.set_num_threads(threads)
        own = x.clone().requires_grad_()
        layers[0](own).backward(grad)
        torch.set_num_threads(1)
        results.append([own.grad, *(p.grad for p in layers.parameters()), *layers.buffers()])
    assert all(map(torch.equal, *results))


def test_sum_of_a_block():
    block = Residual([Conv(4, 4, window=Window(), weights="binary")], inputs=4, outputs=4, stride=1)
    fuse(torch.nn.ModuleList([block]))
    block.train()
    x = torch.randn(3, 4, 5, 5).to(torch.bfloat16).requires_grad_()
    shortcut = torch.randn(3, 4, 5, 5).requires_grad_()
    total, want = block.add(x, shortcut), Fixed(width=0).train()
    assert total.dtype == torch.float32 and torch.equal(total, want(x.float() + shortcut))
    assert torch.equal(block.sum.peak, want.peak)
    block.add(x * 0, shortcut * 0)
    assert block.sum.peak == want.peak * 0.995
    grad = torch.randn(3, 4, 5, 5)
    total.backward(grad)
    assert torch.equal(x.grad, grad.to(torch.bfloat16)) and torch.equal(shortcut.grad, grad)
    with torch.no_grad():
        assert block.eval().add(x, shortcut).dtype == torch.float32


def test_other_gradients_and_scales_are_left_alone():
    for how in ({"gradient": "saw", "scale": "one"}, {"gradient": "straight_through", "scale": "two_delta"}):
        layers = torch.nn.ModuleList([torch.nn.BatchNorm2d(3), Ternary(delta="running", momentum=0.1, **how)])
        x = torch.randn(2, 3, 4, 4)
        other = copy.deepcopy(layers)
        fuse(torch.nn.Sequential(other))
        torch.testing.assert_close(other[1](other[0](x)), layers[1](layers[0](x)))
        assert len(other[1](other[0](x)).unique()) == 3


def test_a_stopped_training_goes_on_exactly(spec, stripes, tmp_path):
    spec = spec.with_train(epochs=3, precision="bfloat16")
    whole = Trainer(spec, stripes, tmp_path / "whole", compiled=True)
    whole.fit()
    parts = Trainer(spec, stripes, tmp_path / "parts", compiled=True)
    parts._run_epoch, run = lambda *given: run(*given) if parts.epoch < 2 else 1 / 0, parts._run_epoch
    with pytest.raises(ZeroDivisionError):
        parts.fit()
    parts = Trainer(spec, stripes, tmp_path / "parts", compiled=True)
    assert parts.epoch == 2
    parts.fit()
    for (name, a), b in zip(whole.model.state_dict().items(), parts.model.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    columns = [[row[:3] for row in csv.reader((tmp_path / name / "metrics.csv").open())] for name in ("whole", "parts")]
    assert columns[0] == columns[1]


@pytest.mark.parametrize("compiler, sentence", [
    ("no-such-compiler", "--compile needs a C++ compiler; none of no-such-compiler is found\n"),
    ("false", "/false: failed\n"),
])
def test_compiler_wrong(compiler, sentence, spec, stripes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "load_spec", lambda _: spec)
    monkeypatch.setattr(command, "load_data", lambda *_: stripes)
    monkeypatch.setattr(fused, "library", fused.library.__wrapped__)
    monkeypatch.setenv("CXX", compiler)
    assert command.main(["--model", "small", "--output", str(tmp_path), "--device", "cpu", "--compile"]) == 1
    assert capsys.readouterr().err.endswith(sentence)
    with pytest.raises(CompilerError):
        fused.library()
    assert library() is library()
