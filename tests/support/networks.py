"""Small random networks with every node kind, for the tests of the accelerator."""

import numpy as np

from quantize.network import Network, Node, TensorType
from quantize.nodes import infer
from quantize.nodes.window import both


class Builder:
    """Grows a network node by node. The methods named after a node kind return the new tensor's name."""

    def __init__(self, shape, seed=0, lo=-128, hi=127):
        self.rng = np.random.default_rng(seed)
        self.types = {"input": TensorType(shape, "int", lo, hi)}
        self.nodes = []

    def node(self, kind, inputs, attrs=None, arrays=None):
        name = f"{kind}{len(self.nodes)}"
        node = Node(kind, name, tuple(inputs), attrs or {}, arrays or {})
        self.types[name] = infer(node, [self.types[tensor] for tensor in inputs])
        self.nodes.append(node)
        return name

    def conv(self, x, channels, kernel=3, stride=1, padding=1, weights="binary", pad=False, **more):
        attrs = {"kernel": kernel, "stride": stride, "padding": padding, "weights": weights, **more}
        arrays = {"weights": self.weights((channels, *both(kernel), self.types[x].channels), weights)}
        if pad:
            arrays["pad"] = self.rng.choice([-1, 1], self.types[x].channels).astype(np.int8)
        return self.node("conv", [x], attrs, arrays)

    def dense(self, x, channels, weights="binary", bias=False):
        arrays = {"weights": self.weights((channels, self.types[x].channels), weights)}
        if bias:
            arrays["bias"] = self.rng.integers(-1000, 1000, channels).astype(np.int32)
        return self.node("dense", [x], {"weights": weights}, arrays)

    def weights(self, shape, kind):
        values = self.rng.choice([-1, 1], shape) if kind == "binary" else self.rng.integers(-128, 128, shape)
        return values.astype(np.int8)

    def threshold(self, x, levels="ternary"):
        tensor = self.types[x]
        spread = max(1, int((tensor.hi - tensor.lo) ** 0.5) // 2)
        middle = self.rng.integers(-spread, spread + 1, tensor.channels).astype(np.int32)
        width = self.rng.integers(1, spread + 1, tensor.channels).astype(np.int32)
        arrays = {"hi": middle + width} | ({"lo": middle - width} if levels == "ternary" else {})
        return self.node("threshold", [x], {"levels": levels}, arrays)

    def requantize(self, x, lo=-(1 << 15), hi=(1 << 15) - 1, shift=8):
        channels = self.types[x].channels
        mult = self.rng.integers(-300, 300, channels).astype(np.int16)
        bias = self.rng.integers(-5000, 5000, channels).astype(np.int32)
        return self.node("requantize", [x], {"shift": shift, "lo": lo, "hi": hi}, {"mult": mult, "bias": bias})

    def max_pool(self, x, kernel=2, stride=2, **more):
        return self.node("max_pool", [x], {"kernel": kernel, "stride": stride, **more})

    def avg_pool(self, x, kernel=2, stride=2, shift=0, **more):
        return self.node("avg_pool", [x], {"kernel": kernel, "stride": stride, "shift": shift, **more})

    def add(self, a, b, width=16):
        return self.node("add", [a, b], {"width": width})

    def block(self, x, channels, stride=1, kernel=3):
        """Add a pre-activation residual block. If it changes the shape, its shortcut is option A."""
        main = self.conv(self.threshold(x), channels, kernel, stride, kernel // 2)
        main = self.requantize(self.conv(self.threshold(main), channels, kernel, 1, kernel // 2))
        shortcut = x
        if stride == 2:
            shortcut = self.avg_pool(shortcut, shift=2)
        grown = channels - self.types[x].channels
        if grown:
            shortcut = self.node("pad_channels", [shortcut], {"before": grown // 2, "after": grown - grown // 2})
        return self.add(main, shortcut)

    def flatten(self, x):
        return self.node("flatten", [x])

    def network(self, logits, top_k=0):
        outputs = [logits] + ([self.node("top_k", [logits], {"k": top_k})] if top_k else [])
        return Network("net", self.types["input"], tuple(self.nodes), tuple(outputs))


def residual(seed=0, size=6, channels=(2, 4), kernel=3, top_k=0):
    """A network of a stem, a block that keeps the shape, a block that halves it, and a classifier."""
    b = Builder((size, size, 3), seed)
    x = b.requantize(b.conv("input", channels[0], weights="int8"))
    x = b.block(x, channels[0], kernel=kernel)
    x = b.block(x, channels[1], stride=2, kernel=kernel)
    x = b.requantize(x, 0, 127, 6)
    x = b.avg_pool(x, b.types[x].height, 1)
    return b.network(b.dense(b.flatten(x), 5, "int8", bias=True), top_k)


def chain(seed=0):
    """A network of convolutions with and without padding, both activation kinds, max pools and a binary classifier."""
    b = Builder((12, 12, 1), seed)
    x = b.threshold(b.conv("input", 6, 3, padding=0))
    x = b.max_pool(b.threshold(b.conv(x, 4, 3, padding=0), "binary"))
    x = b.threshold(b.max_pool(b.conv(x, 4, 3, padding=1, pad=True), 2, 1), "binary")
    return b.network(b.dense(b.flatten(x), 7))


def shapes(seed=0):
    """A network of windows that are not square, pad each side by itself, are dilated, or pool with padding."""
    b = Builder((9, 8, 2), seed)
    x = b.requantize(b.conv("input", 4, (3, 1), (1, 2), (1, 0, 1, 0), "int8"), -128, 127)
    y = b.requantize(b.conv(b.threshold(x), 4, (3, 2), 1, (2, 1, 2, 0), dilation=(2, 1)), -128, 127)
    x = b.add(y, b.max_pool(x, (3, 2), 1, padding=(2, 0, 0, 1)), 9)
    x = b.threshold(b.conv(b.threshold(x, "binary"), 3, (1, 4), (3, 1), (0, 3, 0, 1), pad=True))
    x = b.max_pool(x, (1, 2), (1, 2), padding=(0, 1, 0, 0))
    return b.network(b.dense(b.flatten(b.avg_pool(x, 3, (2, 1), padding=1)), 5))


def pictures(net, count, seed=0):
    """Random input tensors (n, h, w, c)."""
    return np.random.default_rng(seed).integers(-128, 128, (count, *net.input.shape)).astype(np.int8)
