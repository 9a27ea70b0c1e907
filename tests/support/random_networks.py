"""Random networks: a small one with every node kind, and one with the shape of ResNet-20."""

from __future__ import annotations

import numpy as np

from quantize.network import Network, Node, TensorType

IMAGE = ("int", -128, 127)


def conv(random, name, source, channels, outputs, *, stride=1, weights="binary", kernel=3):
    shape = (outputs, kernel, kernel, channels)
    array = random.choice([-1, 1], shape) if weights == "binary" else random.integers(-128, 128, shape)
    attrs = {"kernel": kernel, "stride": stride, "padding": kernel // 2, "weights": weights}
    return Node("conv", name, (source,), attrs, {"weights": array.astype(np.int8)})


def threshold(random, name, source, channels, spread, levels="ternary"):
    hi = random.integers(-spread, spread, channels).astype(np.int32)
    arrays = {"hi": hi}
    if levels == "ternary":
        arrays["lo"] = (hi - random.integers(1, spread, channels)).astype(np.int32)
    return Node("threshold", name, (source,), {"levels": levels}, arrays)


def requantize(random, name, source, channels, shift, width):
    mult = random.integers(-(2**10), 2**10, channels).astype(np.int16)
    bias = random.integers(-(2**15), 2**15, channels).astype(np.int32)
    return Node("requantize", name, (source,), {"shift": shift, "lo": -(2 ** (width - 1)), "hi": 2 ** (width - 1) - 1},
                {"mult": mult, "bias": bias})


def resnet(depth=3, channels=(16, 32, 64), size=32, classes=10, seed=0):
    """A ResNet with `depth` blocks of two ternary-binary convolutions in each stage. Depth 3 is ResNet-20."""
    random = np.random.default_rng(seed)
    nodes = [conv(random, "stem", "input", 3, channels[0], weights="int8"),
             requantize(random, "stem.fixed", "stem", channels[0], 10, 16)]
    x, width = "stem.fixed", channels[0]
    for stage, outputs in enumerate(channels):
        for block in range(depth):
            at, down = f"stages[{stage}][{block}]", outputs != width
            nodes += [threshold(random, f"{at}.t0", x, width, 2000),
                      conv(random, f"{at}.c0", f"{at}.t0", width, outputs, stride=2 if down else 1),
                      threshold(random, f"{at}.t1", f"{at}.c0", outputs, 20),
                      conv(random, f"{at}.c1", f"{at}.t1", outputs, outputs),
                      requantize(random, f"{at}.requantize", f"{at}.c1", outputs, 4, 16)]
            if down:
                nodes += [Node("avg_pool", f"{at}.avg_pool", (x,), {"kernel": 2, "stride": 2, "shift": 2}),
                          Node("pad_channels", f"{at}.pad", (f"{at}.avg_pool",),
                               {"before": (outputs - width) // 2, "after": outputs - width - (outputs - width) // 2})]
                x = f"{at}.pad"
            nodes.append(Node("add", f"{at}.add", (x, f"{at}.requantize"), {"width": 16}))
            x, width = f"{at}.add", outputs
    last = size // 2 ** (len(channels) - 1)
    weights = random.integers(-128, 128, (classes, width)).astype(np.int8)
    nodes += [requantize(random, "head.int8", x, width, 12, 8),
              Node("avg_pool", "head.avg_pool", ("head.int8",), {"kernel": last, "stride": last, "shift": 0}),
              Node("flatten", "head.flatten", ("head.avg_pool",)),
              Node("dense", "head.dense", ("head.flatten",), {"weights": "int8"}, {"weights": weights}),
              Node("top_k", "top_k", ("head.dense",), {"k": 2})]
    return Network("resnet", TensorType((size, size, 3), *IMAGE), tuple(nodes), ("head.dense", "top_k"))


def every_kind(seed=0):
    """A small network with every node kind, a binary convolution with its own padding, and one tensor read twice."""
    random = np.random.default_rng(seed)
    binary = conv(random, "binary.conv", "binary", 4, 6)
    binary.arrays["pad"] = random.choice([-1, 1], 4).astype(np.int8)
    plus_one = conv(random, "plus_one.conv", "binary", 4, 6)
    nodes = (conv(random, "stem", "input", 2, 4, weights="int8", kernel=1),
             threshold(random, "binary", "stem", 4, 5000, "binary"), binary, plus_one,
             Node("add", "add", ("binary.conv", "plus_one.conv"), {"width": 6}),
             threshold(random, "ternary", "add", 6, 8),
             Node("max_pool", "max_pool", ("ternary",), {"kernel": 2, "stride": 2}),
             Node("pad_channels", "pad", ("max_pool",), {"before": 1, "after": 2}),
             Node("avg_pool", "avg_pool", ("pad",), {"kernel": 2, "stride": 1, "shift": 1}),
             requantize(random, "requantize", "avg_pool", 9, 3, 8),
             Node("flatten", "flatten", ("requantize",)),
             Node("dense", "dense", ("flatten",), {"weights": "int8"},
                  {"weights": random.integers(-128, 128, (5, 36)).astype(np.int8),
                   "bias": random.integers(-1000, 1000, 5).astype(np.int32)}),
             Node("top_k", "top_k", ("dense",), {"k": 3}))
    return Network("every_kind", TensorType((7, 6, 2), *IMAGE), nodes, ("dense", "top_k"))


def pictures(network, count, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(-128, 128, (count, *network.input.shape)).astype(np.int8)
