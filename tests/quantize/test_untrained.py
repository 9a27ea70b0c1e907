"""A model file without weights becomes a network of random ones that is built like the trained one."""

import numpy as np
import pytest

from quantize.network import Network
from quantize.spec import load_spec
from quantize.untrained import untrained
from quantize.zoo import find_weights
from sim.golden import run


def structure(network):
    """What an accelerator is made from, except for the values of arrays and the shifts, which follow from them."""
    return [(node.kind, node.name, node.inputs, {key: value for key, value in node.attrs.items() if key != "shift"},
             {key: (value.shape, value.dtype) for key, value in node.arrays.items()}) for node in network.nodes]


@pytest.mark.parametrize("name", ["tbn_digits", "tbn_lenet", "tbn_fashion", "tbn_resnet", "tbn_cnv"])
def test_it_is_built_like_the_trained_network(name):
    found, trained = untrained(load_spec(name)), Network.load(find_weights(name))
    assert structure(found) == structure(trained)
    assert (found.name, found.outputs, found.classes) == (trained.name, trained.outputs, trained.classes)
    for node in found.nodes:
        if "weights" in node.arrays:
            values = np.unique(node.arrays["weights"])
            assert values.tolist() == [-1, 1] if node.attrs["weights"] == "binary" else len(values) > 100


def test_the_weights_are_always_the_same():
    spec = load_spec("tbn_digits")
    assert untrained(spec).to_bytes() == untrained(spec).to_bytes()


def test_every_level_and_class_occurs():
    """Constant activations would become nothing in logic."""
    network = untrained(load_spec("tbn_digits"))
    pictures = np.random.default_rng(0).integers(-128, 128, (40, 8, 8, 1), np.int8)
    thresholds = [node.name for node in network.nodes if node.kind == "threshold"]
    values = run(network, pictures, keep=(*thresholds, network.outputs[0]))
    for name in thresholds:
        assert np.unique(values[name]).tolist() == [-1, 0, 1], name
    assert len(np.unique(values[network.outputs[0]].reshape(40, 10).argmax(axis=1))) > 2
