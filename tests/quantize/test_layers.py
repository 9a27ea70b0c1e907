"""Torch layers: values and gradients of the paper's rule."""

import pytest

torch = pytest.importorskip("torch")

from quantize.layers import Binary, Conv, Dense, Fixed, Flatten, Int8, Residual, Ternary  # noqa: E402
from quantize.layers.weights import integer_weights  # noqa: E402
from quantize.nodes.window import Window  # noqa: E402


def ternary(**options):
    return Ternary(**{"delta": 0.5, "gradient": "straight_through", "scale": "one", "momentum": 0.1, **options})


def test_ternary_switches_at_delta():
    x = torch.tensor([-2.0, -0.5, -0.49, 0.0, 0.49, 0.5, 2.0])
    assert ternary().eval()(x).tolist() == [-1, -1, 0, 0, 0, 1, 1]
    assert ternary(scale="two_delta", delta=0.25).eval()(x).tolist() == [-0.5, -0.5, -0.5, 0, 0.5, 0.5, 0.5]


def test_running_delta_is_half_the_mean_magnitude_and_constant_in_evaluation():
    layer, x = ternary(delta="running", momentum=1.0), torch.tensor([[-2.0, 1.0], [0.0, 1.0]])
    layer.train()(x)
    assert layer.delta.item() == 0.5
    layer.eval()(10 * x)
    assert layer.delta.item() == 0.5
    slow = ternary(delta="running", momentum=0.25)
    slow.train()(x)
    assert slow.delta.item() == pytest.approx(0.75 * 0.4 + 0.25 * 0.5)
    fixed = ternary(delta=0.3)
    fixed.train()(x)
    assert fixed.delta.item() == pytest.approx(0.3)


def gradient(layer, values):
    x = torch.tensor(values, requires_grad=True)
    layer(x).sum().backward()
    return x.grad.tolist()


def test_gradients_of_ternary():
    assert gradient(ternary().eval(), [-1.5, -0.9, 0.0, 0.9, 1.5]) == [0, 1, 1, 1, 0]
    # 2 |saw(x / delta)|: 0 at 0, 2 at delta, 0 at 2 delta and beyond
    slopes = gradient(ternary(gradient="saw").eval(), [-2.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 3.0])
    assert slopes == pytest.approx([0, 1, 2, 1, 0, 1, 2, 1, 0, 0])


def test_binary():
    assert Binary()(torch.tensor([-0.1, -0.0, 0.0, 3.0])).tolist() == [-1, 1, 1, 1]
    assert gradient(Binary(), [-1.5, -0.5, 0.5, 1.5]) == [0, 1, 1, 0]


def test_int8_rounds_to_nearest_and_clips():
    layer = Int8().train()
    layer(torch.tensor([-12.7, 3.0]))
    assert layer.step().item() == pytest.approx(0.1)
    got = layer.eval()(torch.tensor([0.0, 0.04, 0.06, 20.0, -20.0])) / layer.step()
    assert got.tolist() == pytest.approx([0, 0, 1, 127, -128])
    assert gradient(layer, [0.0, 20.0, -20.0, 1.0]) == [1, 0, 0, 1]


def test_weights():
    w = torch.tensor([[0.5, -0.25, 0.0, 1.25], [-2.0, 0.0, 0.0, 2.0]], requires_grad=True)
    integers, scale = integer_weights(w, "binary")
    assert integers.tolist() == [[1, -1, 1, 1], [-1, 1, 1, 1]] and scale.tolist() == [[0.5], [1.0]]
    assert integer_weights(w, "binary", per_tensor=True)[1].item() == 0.75
    integers.sum().backward()
    assert w.grad.tolist() == [[1, 1, 1, 0], [0, 1, 1, 0]]
    integers, scale = integer_weights(w, "int8")
    assert integers.tolist() == [[32, -16, 0, 79], [-127, 0, 0, 127]] and scale.item() == pytest.approx(2 / 127)


def test_binary_convolution_pads_with_plus_one():
    x = -torch.ones(1, 2, 3, 3)
    layer = Conv(2, 1, window=Window((3, 3), padding=(1, 1, 1, 1)), weights="binary", pad_value=1)
    with torch.no_grad():
        layer.weight.fill_(0.5)
    assert layer(x)[0, 0].tolist() == [[1, -3, 1], [-3, -9, -3], [1, -3, 1]]
    layer.pad_value = 0
    assert layer(x)[0, 0, 0].tolist() == [-4, -6, -4]


def test_only_the_last_dense_layer_shares_its_scale():
    assert Dense(4, 3, weights="binary", last=True).integers()[1].numel() == 1
    assert Dense(4, 3, weights="binary", last=False).integers()[1].numel() == 3
    assert Dense(4, 3, weights="int8", last=True).bias is not None
    assert Dense(4, 3, weights="int8", last=False).bias is None


def test_flatten_runs_channels_fastest():
    x = torch.arange(12.0).reshape(1, 3, 2, 2)
    assert Flatten()(x).flatten().tolist() == x.permute(0, 2, 3, 1).flatten().tolist()


def test_residual_averages_and_pads():
    layer = Residual([torch.nn.Conv2d(2, 5, 2, stride=2, bias=False)], inputs=2, outputs=5, stride=2)
    with torch.no_grad():
        layer.body[0].weight.zero_()
    x = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert layer(x).flatten().tolist() == [0, 1.5, 5.5, 0, 0]


def test_fixed_remembers_the_largest_value():
    layer = Fixed(width=16).train()
    layer(torch.tensor([1.0, -8.0]))
    layer(torch.tensor([2.0]))
    assert layer.peak.item() == pytest.approx(8 * 0.995)
    layer.eval()(torch.tensor([100.0]))
    assert layer.stage_peak == pytest.approx(8 * 0.995)
