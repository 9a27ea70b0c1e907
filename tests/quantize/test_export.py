"""The integer network equals the float chain: every pool, shortcut and sign of the batch norm's factor."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from quantize.chain import Chain, first_true, multiplier  # noqa: E402
from quantize.exact import Exact  # noqa: E402
from quantize.export import exact, export  # noqa: E402
from quantize.lowering import ExportError, Item, lower  # noqa: E402
from quantize.network import Network, TensorType  # noqa: E402
from quantize.thresholds import find_thresholds, find_ties  # noqa: E402
from sim.golden import run  # noqa: E402

CONV = "conv: {channels: 8, kernel: 3, padding: 1, weights: binary}"
TAIL = """
    flatten
    dense: {units: 5, weights: binary}
"""
PLAIN = f"""
    {CONV}
    batch_norm
    ternary
    {CONV}
    batch_norm
    ternary
    {TAIL}"""
POOL_BEFORE = f"""
    {CONV}
    max_pool: {{kernel: 2}}
    batch_norm
    ternary
    {CONV}
    batch_norm
    ternary
    {TAIL}"""
POOL_BETWEEN_TRITS = f"""
    {CONV}
    max_pool: {{kernel: 2}}
    batch_norm
    ternary
    max_pool: {{kernel: 2}}
    {TAIL}"""
BODY = "[batch_norm, ternary, {conv: {kernel: 3, padding: 1, weights: binary}}]"
SHORTCUT = f"""
    conv: {{channels: 8, kernel: 3, padding: 1, weights: int8}}
    batch_norm
    fixed: {{width: 16}}
    residual: {{channels: 8, repeat: 2, body: {BODY}}}
    residual: {{channels: 13, stride: 2, repeat: 2, body: {BODY}}}
    batch_norm
    relu
    int8
    avg_pool: {{kernel: 4}}
    flatten
    dense: {{units: 5, weights: int8}}
    """
SHORTCUT_AND_POOL = f"""
    {CONV}
    fixed: {{width: 16}}
    residual: {{channels: 8, body: {BODY}}}
    batch_norm
    ternary
    max_pool: {{kernel: 2}}
    {TAIL}"""
BINARY = f"""
    {CONV}
    max_pool: {{kernel: 2}}
    batch_norm
    binary
    {CONV}
    batch_norm
    relu
    batch_norm
    binary
    max_pool: {{kernel: 2}}
    {TAIL}"""
TRITS_AVERAGED = f"""
    {CONV}
    max_pool: {{kernel: 2}}
    batch_norm
    ternary: {{scale: two_delta, gradient: saw, delta: 0.3}}
    avg_pool: {{kernel: 2}}
    {TAIL}"""
EIGHT_BITS = """
    conv: {channels: 7, kernel: 3, stride: 2, weights: int8}
    batch_norm
    int8
    conv: {channels: 6, kernel: 2, weights: binary}
    batch_norm
    relu
    int8
    flatten
    dense: {units: 9, weights: int8}
    batch_norm
    ternary
    dense: {units: 5, weights: binary}
"""
WINDOWS = f"""
    conv: {{channels: 6, kernel: [3, 1], stride: [1, 2], padding: [1, 0], weights: int8}}
    max_pool: {{kernel: [2, 3], stride: 1, dilation: [2, 1], padding: same}}
    batch_norm
    ternary
    conv: {{channels: 6, kernel: [2, 3], padding: same, dilation: [2, 1], weights: binary}}
    batch_norm
    binary
    conv: {{channels: 5, kernel: [1, 4], stride: [3, 1], padding: [0, 2, 0, 1], weights: binary}}
    batch_norm
    ternary
    avg_pool: {{kernel: [2, 3], stride: 1, padding: [1, 1, 0, 1]}}
    {TAIL}"""
MODELS = {
    "plain": PLAIN, "pool": POOL_BEFORE, "pool of trits": POOL_BETWEEN_TRITS, "shortcut": SHORTCUT,
    "shortcut and pool": SHORTCUT_AND_POOL, "binary": BINARY, "trits averaged": TRITS_AVERAGED, "int8": EIGHT_BITS,
    "windows": WINDOWS,
}


def golden(network, pictures):
    images = (pictures.astype(np.int16) - 128).astype(np.int8)
    return run(network, images)[network.outputs[0]].reshape(len(pictures), -1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MODELS)
def test_network_equals_float_chain(name, seed, random_model):
    model = random_model(MODELS[name], seed)
    pictures = np.random.default_rng(seed).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    chain = exact(model)(torch.from_numpy(pictures)).numpy()
    assert np.ptp(chain) > 0
    np.testing.assert_array_equal(golden(export(model), pictures), chain)


def test_sums_beyond_24_bits():
    """float32 would round them."""
    weights = np.full((1, 3, 3, 150), 127, np.int8)
    weights[0, 0, 0, 0] = 125
    item = Item("conv", "c", ("input",), {"kernel": 3, "stride": 1, "padding": 0}, {"weights": weights})
    pictures = np.zeros((1, 4, 3, 150), np.uint8)
    pictures[0, 0, 0, 0] = 1
    total = -128 * int(weights.sum())
    assert Exact((item,))(torch.from_numpy(pictures)).tolist() == [[total + 125, total]]
    assert total + 125 != int(np.float32(total + 125))


@pytest.mark.parametrize("name", ["plain", "pool", "pool of trits", "binary", "trits averaged", "windows"])
def test_chain_equals_module(name, random_model):
    """Without requantize nothing is rounded: the module in float64 gives the integers times their unit."""
    model = random_model(MODELS[name])
    pictures = torch.randint(0, 256, (40, 8, 8, 3), dtype=torch.uint8)
    integers, real = exact(model)(pictures), model.double()(pictures).detach()
    unit = (real.abs().sum() / integers.abs().sum()).item()
    np.testing.assert_allclose(real.numpy(), integers.numpy() * unit, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["shortcut", "int8"])
def test_rounding_is_small(name, random_model):
    model = random_model(MODELS[name])
    pictures = torch.randint(0, 256, (200, 8, 8, 3), dtype=torch.uint8)
    integers, real = exact(model)(pictures).numpy(), model.double()(pictures).detach().numpy()
    assert np.corrcoef(integers.ravel(), real.ravel())[0, 1] > 0.97


def kinds(model):
    return [node.kind for node in export(model).nodes]


def test_each_turn_is_the_cheapest(random_model):
    assert "requantize" not in kinds(random_model(PLAIN))
    assert "requantize" not in kinds(random_model(POOL_BEFORE))
    assert "requantize" in kinds(random_model(POOL_BETWEEN_TRITS))  # the largest of -t is not minus the largest of t


def test_pad_follows_negated_bits(random_model):
    network = export(random_model(BINARY))
    pads = [node.arrays["pad"] for node in network.nodes if "pad" in node.arrays]
    assert len(pads) == 1 and set(pads[0].tolist()) == {-1, 1}


def test_constant_channels_have_thresholds_out_of_range(random_model):
    model = random_model(PLAIN)
    with torch.no_grad():
        model.layers[1].weight.zero_()
        model.layers[1].bias.copy_(torch.tensor([-5.0] * 3 + [0.0] * 2 + [5.0] * 3))
    network = export(model)
    node = network.by_name["layers[2].ternary"]
    source = network.types["layers[0].conv"]
    assert (node.arrays["lo"][:3] >= source.hi).all() and (node.arrays["hi"][:5] > source.hi).all()
    assert (node.arrays["lo"][3:] < source.lo).all() and (node.arrays["hi"][5:] <= source.lo).all()


def test_network_survives_its_file(random_model, tmp_path):
    network = export(random_model(SHORTCUT))
    network.save(tmp_path / "a.safetensors")
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    again = Network.load(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(golden(network, pictures), golden(again, pictures))


def test_export_wrong(random_model):
    model = random_model(PLAIN)
    with torch.no_grad():
        model.layers[1].bias[0] = float("nan")
    with pytest.raises(ExportError, match=r"^small: layers\.1\.bias must be finite$"):
        lower(model)
    with pytest.raises(ValueError, match="^nothing but the quantiser may follow a relu here$"):
        Chain().relu().add(1.0).affine(1)


@pytest.mark.parametrize("levels, factor, want", [
    ("ternary", 0.5, {"hi": 2, "lo": -2}),   # t = [0.5 a >= 1] - [0.5 a <= -1]
    ("ternary", -0.5, {"hi": 2, "lo": -2}),  # the same of -t
    ("binary", 0.5, {"hi": 0}),
    ("binary", -0.5, {"hi": 1}),             # t = -0.5 a >= 0 is +1 at a = 0, so -t is not
])
def test_edges_belong_to_the_side_that_the_chain_says(levels, factor, want):
    items = (
        Item("max_pool", "p", ("input",), {"kernel": 2, "stride": 2}),
        Item("threshold", "t", ("p",), {"levels": levels}, chain=Chain().multiply(factor), delta=1.0),
        Item("dense", "d", ("t",), {"weights": "int8"}, {"weights": np.array([[3]], np.int8)}),
    )
    nodes = {node.name: node for node in find_thresholds(items, TensorType((2, 2, 1), "int", -128, 127))}
    assert {key: int(value[0]) for key, value in nodes["t"].arrays.items()} == want
    assert nodes["d"].arrays["weights"].item() == (3 if factor > 0 else -3)


ONE_PRODUCT = """
    conv: {channels: 512, kernel: 1, weights: binary}
    batch_norm
    ternary: {delta: 0.3}
    flatten
    dense: {units: 512, weights: int8}
"""


def test_thresholds_are_those_of_float32(random_model):
    """Batch norms put each channel's step within a rounding of one byte. A sum of one product has one value in torch.

    The last layer's weights are the identity, so that every channel is a logit.
    """
    model = random_model(ONE_PRODUCT, height=1, width=1, channels=1, classes=512)
    norm, edges = model.layers[1], torch.arange(512) % 256
    with torch.no_grad():
        model.layers[0].weight.copy_(torch.ones(512, 1, 1, 1) / 3)
        model.layers[4].weight.copy_(torch.eye(512))
        norm.weight.copy_(torch.linspace(0.2, 1.5, 512))
        factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        norm.bias.copy_(0.3 - factor * ((edges - 128) / 384.0 - norm.running_mean))
    pictures = np.arange(256, dtype=np.uint8).reshape(-1, 1, 1, 1)
    with torch.no_grad():
        want = model(torch.from_numpy(pictures)).numpy()
    edge = want[edges.numpy(), np.arange(512)]
    assert 50 < (edge > 0.5).sum() < 450, "the ties should fall on both sides"
    np.testing.assert_array_equal(golden(export(model), pictures), np.rint(want) * 127)
    assert not find_ties(lower(model), TensorType((1, 1, 1), "int", -128, 127))


def test_ties_are_counted(random_model):
    """With weights of 0.1 and delta 0.5 every sum of 5 and -5 trits lies on a tie; with weights of 1/8 none does."""
    model = random_model("conv: {channels: 3, kernel: 1, weights: binary}\nternary\n"
                         "conv: {channels: 4, kernel: 3, weights: binary}\nternary: {delta: 0.5}\nflatten\n"
                         "dense: {units: 5, weights: binary}")
    source = TensorType((8, 8, 3), "int", -128, 127)
    for size, ties in ((0.1, (8, 4)), (0.125, None)):
        with torch.no_grad():
            model.layers[2].weight.fill_(size)
        found = {tie.name: (tie.integers, tie.channels) for tie in find_ties(lower(model), source)}
        assert found.get(model.spec.steps()[3].name) == ties


def test_top_k_is_a_second_output(random_model):
    model = random_model(PLAIN)
    model.spec = model.spec.model_copy(update={"top_k": 2})
    network = export(model)
    logits, classes = network.outputs
    pictures = np.random.default_rng(0).integers(-128, 128, (9, *network.input.shape)).astype(np.int8)
    found = run(network, pictures)
    order = np.argsort(-found[logits].reshape(9, -1), axis=1, kind="stable")
    np.testing.assert_array_equal(found[classes].reshape(9, -1), order[:, :2])


def test_first_true_finds_each_crossing():
    edges = np.array([-9, -8, 0, 3, 8, 9, 40])
    found = first_true(lambda a: a >= edges, -8, 8, len(edges))
    assert found.tolist() == [-8, -8, 0, 3, 8, 9, 9]


def test_chain_is_affine():
    chain = Chain().multiply(2.0).add(np.array([1.0, -1.0])).multiply(-3.0).relu()
    a, b, limits = chain.affine(2)
    assert limits == (0, np.inf) and a.tolist() == [-6, -6] and b.tolist() == [-3, 3]


@pytest.mark.parametrize("scale", [1e-6, 0.01, 1.0, 900.0])
def test_multiplier_rounds_to_nearest(scale):
    random = np.random.default_rng(1)
    a, b = random.uniform(0.5, 1, 50) * scale, random.normal(0, 20, 50)
    form = multiplier(a, b)
    x = random.integers(-500, 501, (1000, 50))
    got = (x * form.mult.astype(np.int64) + form.bias) >> form.shift
    # mult has at least 14 bits after the leading one of the largest factor
    assert np.abs(got - (a * x + b)).max() <= 0.5 + 500 * scale * 2**-15 + 2.0**-form.shift
    assert form.mult.max() > 16000 or form.shift in (0, 39, 40) or np.abs(form.bias).max() > 2**29


def test_multiplier_wrong():
    with pytest.raises(ValueError, match="must fit 16 and 32 bits$"):
        multiplier(np.array([40000.0]), np.array([0.0]))


@pytest.mark.parametrize("reader", [False, True])
def test_a_weight_without_a_negative_is_not_turned(reader):
    """-128 has none in 8 bits: where a row is turned by a negative factor, and where a channel is read negated."""
    weights, picture = np.array([[-128, 5, 3]], np.int8), TensorType((1, 1, 3), "int", -128, 127)
    matrix = Item("dense", "matrix", ("trits",) if reader else ("input",), {"weights": "int8"}, {"weights": weights})
    turned = Chain().multiply(np.array([-1.0, 1.0, 1.0] if reader else [-1.0]))
    trits = Item("threshold", "trits", ("input",) if reader else ("matrix",), {"levels": "ternary"}, chain=turned,
                 delta=0.5)
    last = Item("dense", "logit", ("trits",), {"weights": "int8"}, {"weights": np.ones((1, 1), np.int8)})
    items = (trits, matrix) if reader else (matrix, trits, last)
    network = Network("net", picture, find_thresholds(items, picture), (items[-1].name,))
    x = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 1]], np.int8)
    factors = np.sign(turned(x.astype(float))) if reader else x
    dots = factors @ weights.T.astype(int)
    expected = dots if reader else -np.sign(dots)
    np.testing.assert_array_equal(run(network, x.reshape(3, 1, 1, 3))[network.outputs[0]].reshape(3, 1), expected)
