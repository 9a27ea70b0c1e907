"""The streams of this gateware: element shapes, payloads, and the one way to connect them.

A stream carries a tensor in NHWC order, channel fastest. A beat holds `par` elements, element 0 in the low bits, so a
frame of `h * w * c` elements takes `h * w * c / par` beats.

Rules: a transfer happens in a cycle with valid and ready both high; valid never waits for ready; once high, valid and
payload hold until the transfer; ready may rise and fall freely, and may follow the ready of the output combinationally.
"""

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import data, stream

BINARY = unsigned(1)
"""A binary element: 0 is +1, and 1 is -1."""

TRIT = signed(2)
"""A ternary element in two's complement: bit 0 says nonzero, bit 1 negative."""


def check_count(name, value, least=1):
    """A parameter as a plain int; raises TypeError if it is not an integer, ValueError if it is below `least`."""
    kind = {0: "a non-negative integer", 1: "a positive integer"}.get(least, f"an integer of at least {least}")
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be {kind}, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be {kind}, not {value!r}")
    return int(value)


def check_divisor(name, value, of_name, of):
    """Raise ValueError for a value that does not divide another; the error names the divisors on both sides of it."""
    if of % value:
        below = max(d for d in range(1, value) if of % d == 0)
        above = min((d for d in range(value + 1, of + 1) if of % d == 0), default=None)
        near = f"divisors near it are {below} and {above}" if above else f"the divisor nearest to it is {below}"
        raise ValueError(f"{name} {value} must evenly divide {of_name} {of}; {near}")


def Elements(shape, par):
    """The payload of a beat: `par` elements of one shape."""
    return data.ArrayLayout(Shape.cast(shape), check_count("Parallelism", par))


def Signature(shape, par):
    """The signature of a stream of `par` elements of one shape a beat."""
    return stream.Signature(Elements(shape, par))


def payload_shape(port):
    """The payload shape of a stream port."""
    return port.signature.members["payload"].shape


def connect(m, source, sink):
    """Connect two streams with payloads of the same shape.

    Raises
    ------
    ValueError
        When the payload shapes differ, even if their total widths agree.
    """
    from_shape, to_shape = payload_shape(source), payload_shape(sink)
    if from_shape != to_shape:
        raise ValueError(f"Payload shapes of connected streams must be equal, not {from_shape!r} and {to_shape!r}")
    m.d.comb += [
        sink.payload.eq(source.payload),
        sink.valid.eq(source.valid),
        source.ready.eq(sink.ready),
    ]
