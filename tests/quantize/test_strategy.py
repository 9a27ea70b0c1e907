"""The four number formats of one topology."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from quantize.export import exact, export  # noqa: E402
from quantize.layers import Binary, Conv, Dense, Ternary  # noqa: E402
from quantize.spec import SpecError, load_spec, parse_spec  # noqa: E402
from quantize.strategy import STRATEGIES, build_strategy  # noqa: E402
from sim.golden import run  # noqa: E402


def count(model, *kinds):
    return sum(isinstance(module, kinds) for module in model.modules())


@pytest.mark.parametrize("name", ["tbn_lenet", "tbn_resnet", "tbn_cnv"])
def test_the_same_topology_and_start(name):
    spec, models = load_spec(name), {}
    for strategy in STRATEGIES:
        torch.manual_seed(3)
        models[strategy] = build_strategy(spec, strategy)
    trits = count(models["TBN"], Ternary)
    assert trits > 0 and count(models["TBN"], Binary, torch.nn.Identity) == 0
    assert count(models["XNOR"], Binary) == trits and count(models["XNOR"], Ternary) == 0
    for strategy in ("full", "BWN"):
        assert count(models[strategy], Ternary, Binary) == 0
    weights = {s: [m.weights for m in model.modules() if isinstance(m, Conv | Dense)] for s, model in models.items()}
    assert set(weights["full"]) == {"float32"} and "binary" in weights["TBN"]
    assert weights["BWN"] == weights["XNOR"] == weights["TBN"]
    for strategy in STRATEGIES:
        for mine, other in zip(models[strategy].parameters(), models["TBN"].parameters(), strict=True):
            assert torch.equal(mine, other)


def test_real_values_pass(spec):
    """In full nothing is rounded: twice the input of the last layer gives twice its output."""
    torch.manual_seed(0)
    model = build_strategy(spec, "full").eval()
    x = torch.rand(2, model.layers[-1].weight.shape[1], 1, 1)
    with torch.no_grad():
        assert torch.allclose(model.layers[-1](2 * x), 2 * model.layers[-1](x))
        assert (model.layers[0].integers()[0] == model.layers[0].weight).all()
    first = next(layer for layer in model.modules() if isinstance(layer, Conv))
    assert first.pad_value == 0


def test_xnor_is_a_network_of_the_hardware(spec_text):
    body = "[batch_norm, ternary, {conv: {kernel: 3, padding: 1, weights: binary}}]"
    spec = parse_spec(spec_text(f"""
        conv: {{channels: 8, kernel: 3, padding: 1, weights: int8}}
        batch_norm
        fixed
        residual: {{channels: 8, repeat: 2, body: {body}}}
        batch_norm
        ternary
        flatten
        dense: {{units: 5, weights: int8}}"""))
    torch.manual_seed(0)
    model, images = build_strategy(spec, "XNOR").train(), np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3))
    images = images.astype(np.uint8)
    with torch.no_grad():
        model(torch.from_numpy(images))
        want = exact(model.eval())(torch.from_numpy(images)).numpy()
    network = export(model)
    levels = {node.attrs["levels"] for node in network.nodes if node.kind == "threshold"}
    assert levels == {"binary"}
    got = run(network, (images.astype(np.int16) - 128).astype(np.int8))[network.outputs[0]]
    np.testing.assert_array_equal(got.reshape(20, -1), want)


def test_xnor_wrong(spec_text):
    spec = parse_spec(spec_text("""
        conv: {channels: 8, kernel: 3, weights: int8}
        ternary
        avg_pool: {kernel: 6}
        flatten
        dense: {units: 5, weights: int8}"""))
    with pytest.raises(SpecError, match=r"layers\[2\]\.avg_pool: avg_pool cannot read a binary value"):
        build_strategy(spec, "XNOR")
