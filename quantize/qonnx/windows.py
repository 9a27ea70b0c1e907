"""The windows of Conv and pool nodes, from their attributes."""

from __future__ import annotations

from quantize.nodes.window import Pair, Sides, Window, same_padding
from quantize.qonnx.graph import Operation
from quantize.qonnx.values import Refused


def window_of(operation: Operation, kernel: Pair | None, size: Pair, ceil: bool = False) -> Window:
    """The window of a node over a picture of `size`.

    `kernel` is that of a Conv's weights; None stands for the node's own. With `ceil`, a pool's windows may hang over
    the border at the bottom and right, as far as they begin before it: padding takes up what hangs over.
    """
    shape = operation.integers("kernel_shape", list(kernel or ()))
    strides, dilations = (operation.integers(key, [1, 1]) for key in ("strides", "dilations"))
    if len(shape) != 2 or len(strides) != 2 or len(dilations) != 2 or min(*shape, *strides, *dilations) < 1:
        raise Refused(f"kernel {shape}, strides {strides} and dilations {dilations} must be two positive numbers each: "
                      "it must work on height and width")
    if kernel is not None and tuple(shape) != kernel:
        raise Refused(f"its kernel_shape {shape} must be that of its weights, {list(kernel)}")
    bare = Window((shape[0], shape[1]), (strides[0], strides[1]), dilation=(dilations[0], dilations[1]))
    window = bare.with_padding(_pads(operation, bare, size))
    return _overhanging(window, size) if ceil else window


def _pads(operation: Operation, window: Window, size: Pair) -> Sides:
    auto = str(operation.attributes.get("auto_pad", "NOTSET")) or "NOTSET"
    if auto == "VALID":
        return 0, 0, 0, 0
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return same_padding(window, size, lower=auto == "SAME_LOWER")
    pads = operation.integers("pads", [0, 0, 0, 0])
    if auto != "NOTSET" or len(pads) != 4 or min(pads) < 0:
        raise Refused(f"its pads {pads} must be four numbers of at least 0, and auto_pad {auto} one of NOTSET, VALID, "
                      "SAME_UPPER and SAME_LOWER")
    return pads[0], pads[1], pads[2], pads[3]


def _overhanging(window: Window, size: Pair) -> Window:
    """The windows of `ceil_mode`: one more where pixels are left, unless it begins behind the picture."""
    more = []
    for axis, (padded, before) in enumerate(zip(window.padded(*size), window.padding[:2], strict=True)):
        extent, stride = window.extent[axis], window.stride[axis]
        rest = -(padded - extent) % stride
        begins = padded + rest - extent - before
        more.append(rest if padded >= extent and begins < size[axis] else 0)
    top, left, bottom, right = window.padding
    return window.with_padding((top, left, bottom + more[0], right + more[1]))
