"""The matrix-vector unit: a layer's weights times the windows that stream in."""

import functools

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.dot_product import (
    DotProduct,
    SharedCount,
    accumulated,
    accumulated_from_zero,
    beat,
    beat_layout,
    dot_registers,
    in_digits,
    shared_bit,
)
from hdl.element import range_shape
from hdl.families import check_family
from hdl.multiply_digits import lacking
from hdl.popcount import range_of
from hdl.result_beats import ResultBeats
from hdl.rom import STYLES, in_block_ram, read_only, weight_rows
from hdl.signed_pairs import late_negatives
from hdl.stream import BINARY, TRIT, Signature, check_count, check_divisor, connect

TREE_LEVELS = 4
"""Levels of logic between the registers of a dot product, by default."""


class MVU(wiring.Component):
    """Multiplies each vector of a stream with a fixed matrix, `pe` rows and `simd` columns a cycle.

    A vector of `mw` elements comes as `synapse_fold` beats, and is repeated `neuron_fold` times. After each repetition
    `pe` results go out, `o_par` a beat. The pipeline is: fetch the weights | products and their sum | accumulate |
    output. Weights in block RAM have one more register behind them. The whole pipeline stalls while a finished result
    waits for the output. At the output a `hdl.stream_queue.Pair` holds two more beats, so that no combinational path
    leads through.

    How a row's result is made:

    | weights | inputs | result |
    |---|---|---|
    | binary | ternary | `2 * popcount(product is +1) - popcount(nonzero)`; the second count is made once for all rows |
    | binary | binary | `2 * popcount(equal) - mw` |
    | binary | integer | sums and differences of pairs of inputs, made once for all rows (`hdl.signed_pairs`) |
    | int8 | binary, ternary | the sum of `w ^ sign` over nonzero inputs; a count for all rows completes it |
    | int8 | integer | a multiplier for each product, or the terms of `hdl.multiply_digits` |

    A negative is made as `~x`, which is one less than -x. The start value of a row's sum, or the count for all rows,
    makes up for that.

    Interval is `max(synapse_fold, pe / o_par) * neuron_fold` cycles a vector, without a gap between vectors. Latency is
    `synapse_fold + 4` cycles, plus one for each register between the products' operands and their sum, and one if the
    weights lie in block RAM.

    Parameters
    ----------
    weights : integer array (mh, mw)
    weight_kind : 'binary' or 'int8'
        -1 and +1, or -128 to 127. The latter are stored and multiplied in as few bits as hold all of them.
    activation : 'binary', 'ternary', or shape-like
        Elements of the input: `BINARY`, `TRIT`, or integers of that shape.
    pe, simd : int
        Rows and columns at once, divisors of mh and mw.
    bias : integer array (mh,), or None
        Added to the results.
    acc_range : (int, int) or None
        Least and largest result, if the caller knows a narrower range than that of the weights and the input's shape.
    rom_style : 'auto', 'block' or 'logic'
        Where the weights lie. 'auto' is the place that costs less in the family. If the family is portable, it is block
        RAM from 32 rows and 1024 bits on.
    tree_levels : int
        Levels of logic between registers of the dot products, as in `hdl.dot_product.DotProduct`; 0 for none.
    family : one of `hdl.families.CELL_FAMILIES`
        Family of the cells for counts of bits, and for weights in logic.
    o_par : int or None
        Results in an output beat, a divisor of pe; None for all.

    Members
    -------
    i : stream of simd elements
    o : stream of o_par elements of signed(acc_width)

    Raises
    ------
    TypeError, ValueError
        For parameters of a wrong kind, or that do not go together.
    """

    def __init__(self, *, weights, weight_kind, activation, pe, simd, bias=None, acc_range=None, rom_style="auto",
                 tree_levels=TREE_LEVELS, family="portable", o_par=None):
        self._weights = self._check_weights(weights, weight_kind)
        mh, mw = self._weights.shape
        self._pe, self._simd = check_count("PE", pe), check_count("SIMD", simd)
        check_divisor("PE", self._pe, "matrix height", mh)
        check_divisor("SIMD", self._simd, "matrix width", mw)
        self._o_par = check_count("Results a beat", self._pe if o_par is None else o_par)
        check_divisor("Results a beat", self._o_par, "PE", self._pe)
        if rom_style not in STYLES:
            raise ValueError(f"ROM style must be one of {', '.join(STYLES)}, not {rom_style!r}")
        if isinstance(activation, str) and activation not in ("binary", "ternary"):
            raise ValueError(f"Activation must be 'binary', 'ternary' or a shape, not {activation!r}")
        self._shape = {"binary": BINARY, "ternary": TRIT}.get(activation) or Shape.cast(activation)
        self._kind, self._activation, self._rom_style = weight_kind, activation, rom_style
        self._family = check_family(family)
        self._levels = check_count("Levels between registers", tree_levels, 0)
        self._bias = self._check_bias(bias, mh)
        lo, hi = self._range() if acc_range is None else acc_range
        self._acc_width = max(int(hi).bit_length(), (~int(lo)).bit_length() if lo < 0 else 0) + 1
        super().__init__({"i": In(Signature(self._shape, simd)),
                          "o": Out(Signature(signed(self._acc_width), self._o_par))})

    @staticmethod
    def _check_weights(weights, kind):
        weights = np.asarray(weights)
        if kind not in ("binary", "int8"):
            raise ValueError(f"Weight kind must be 'binary' or 'int8', not {kind!r}")
        if weights.dtype.kind not in "iu":
            raise TypeError(f"Weights must be integers, not {weights.dtype}")
        if weights.ndim != 2 or not weights.size:
            raise ValueError(f"Weights must be a matrix (mh, mw), not of shape {weights.shape}")
        if kind == "binary" and not np.isin(weights, (-1, 1)).all():
            raise ValueError(f"Binary weights must be -1 or +1, not {weights[~np.isin(weights, (-1, 1))][0]}")
        if kind == "int8" and (weights.min() < -128 or weights.max() > 127):
            raise ValueError(f"Weights must fit 8 bits, but reach from {weights.min()} to {weights.max()}")
        return weights.astype(np.int64)

    @staticmethod
    def _check_bias(bias, mh):
        bias = np.zeros(mh, dtype=np.int64) if bias is None else np.asarray(bias)
        if bias.dtype.kind not in "iu":
            raise TypeError(f"Bias must be integers, not {bias.dtype}")
        if bias.shape != (mh,):
            raise ValueError(f"Bias must have one value for each of {mh} rows, not shape {bias.shape}")
        return bias.astype(np.int64)

    def _range(self):
        """Least and largest result that any input can give."""
        lo, hi = (-1, 1) if isinstance(self._activation, str) else range_of(self._shape)
        ends = self._weights * lo, self._weights * hi
        return (int((np.minimum(*ends).sum(1) + self._bias).min()), int((np.maximum(*ends).sum(1) + self._bias).max()))

    @property
    def mh(self):
        """Rows of the matrix."""
        return self._weights.shape[0]

    @property
    def mw(self):
        """Columns of the matrix."""
        return self._weights.shape[1]

    @property
    def pe(self):
        """Rows at once."""
        return self._pe

    @property
    def simd(self):
        """Columns at once."""
        return self._simd

    @property
    def o_par(self):
        """Results in an output beat."""
        return self._o_par

    @property
    def weight_kind(self):
        """'binary' or 'int8'."""
        return self._kind

    @property
    def activation_kind(self):
        """'binary', 'ternary' or 'int'."""
        return self._activation if isinstance(self._activation, str) else "int"

    @property
    def element_shape(self):
        """Shape of an element of the input."""
        return self._shape

    @property
    def rom_style(self):
        """Where the weights are asked to lie, one of `hdl.rom.STYLES`."""
        return self._rom_style

    @property
    def acc_width(self):
        """Bits of a result."""
        return self._acc_width

    @property
    def synapse_fold(self):
        """Beats of a vector."""
        return self.mw // self._simd

    @property
    def neuron_fold(self):
        """Times a vector comes."""
        return self.mh // self._pe

    @property
    def interval(self):
        """Cycles a vector."""
        return max(self.synapse_fold, self._pe // self._o_par) * self.neuron_fold

    @property
    def latency(self):
        """Cycles from the first beat of a vector to its first results."""
        return self.synapse_fold + 4 + self.late_weights + self._tree_registers

    @property
    def _tree_registers(self):
        return dot_registers(self.activation_kind, self._kind, self._simd, self._levels, self._family, self.weight_bits)

    @functools.cached_property
    def weight_bits(self):
        """Bits of a weight: 1 if binary, otherwise the least signed width that holds all of them, but at least 2."""
        least, most = int(self._weights.min()), int(self._weights.max())
        return 1 if self._kind == "binary" else max(2, range_shape(least, most).width)

    @functools.cached_property
    def weight_rows(self):
        """The contents of the weight ROM."""
        return weight_rows(self._weights, self._pe, self._simd, self.weight_bits)

    @property
    def _row_width(self):
        return self._pe * self._simd * self.weight_bits

    @property
    def late_weights(self):
        """Whether weights come out of block RAM. It is slow, so a register follows: 117 MHz instead of 75 on ECP5."""
        return in_block_ram(self.weight_rows, self._row_width, self._rom_style, self._family)

    def elaborate(self, platform):
        m = Module()
        # enable is a register and the ready itself: it is far to the ends of a wide unit, and of the window before it
        enable, finished = Signal(name="enable", init=1), Signal(name="finished")
        m.d.comb += self.i.ready.eq(enable)
        x, valid, weights = self.i.payload, self.i.valid, self._fetch(m, enable)
        layout = self.i.payload.shape()
        for late in (False, True)[:1 + self.late_weights]:
            if late == self.late_weights:
                form = self.activation_kind, self._kind, self._family
                x, layout = beat(*form, x), beat_layout(*form, self._shape, self._simd)
            ahead, x, valid = (x, valid), Signal(layout, name="x", reset_less=True), Signal(name="valid")
            with m.If(enable):
                m.d.sync += [x.eq(ahead[0]), valid.eq(ahead[1])]
            if late:
                fetched, weights = weights, Signal(self._row_width, name="late_weights", reset_less=True)
                with m.If(enable):
                    m.d.sync += weights.eq(fetched)

        dots, kind = [], self.activation_kind
        tree = {"activation": kind, "weight_kind": self._kind, "tree_levels": self._levels, "family": self._family}
        for k in range(self._pe):
            m.submodules[f"pe{k}"] = dot = DotProduct(layout=layout, lanes=self._simd, weight_bits=self.weight_bits,
                                                        **tree)
            m.d.comb += [dot.x.eq(x), Cat(dot.w).eq(weights.word_select(k, len(weights) // self._pe)),
                         dot.enable.eq(enable)]
            dots.append(dot)
        for _ in range(1 + self._tree_registers):
            ahead, valid = valid, Signal(name="valid")
            with m.If(enable):
                m.d.sync += valid.eq(ahead)

        first, last = self._fold_ends(m, enable & valid)
        scale = 1 if kind == "int" or self._kind == "int8" else 2
        sums = []
        for k, (dot, start) in enumerate(zip(dots, self._starts(m, enable & valid & last), strict=True)):
            sums.append(accumulator := Signal(signed(self._acc_width), name=f"accumulator{k}",
                                               reset_less=True))
            if start is None:
                following = accumulated_from_zero(m, accumulator, first, dot, scale, self._family)
            else:
                following = accumulated(Mux(first, start, accumulator), dot, scale)
            with m.If(enable & valid):
                m.d.sync += accumulator.eq(following)
        correction = self._correction(m, tree, x, enable, valid, first)
        m.submodules.results = results = ResultBeats(width=self._acc_width, correction_shape=correction.shape(),
                                                     pe=self._pe, par=self._o_par)
        m.d.comb += [results.sums.eq(Cat(sums)), results.correction.eq(correction), results.load.eq(finished & enable)]
        waiting = Mux(enable, valid & last, finished)
        m.d.sync += [finished.eq(waiting), enable.eq(~(waiting & results.full))]
        connect(m, results.o, wiring.flipped(self.o))
        return m

    def _fetch(self, m, enable):
        """The ROM row of the beat taken an enabled cycle ago."""
        rows, row = self.weight_rows, Signal(range(len(self.weight_rows)), name="row")
        with m.If(enable & self.i.valid):
            m.d.sync += row.eq(Mux(row == len(rows) - 1, 0, row + 1))
        return read_only(m, "weights", rows, self._row_width, row, enable, self._rom_style, self._family)

    def _fold_ends(self, m, enable):
        """(first, last): whether the sum that comes to the accumulators is the first, or the last, of its fold."""
        count = Signal(range(self.synapse_fold))
        last = count == self.synapse_fold - 1
        with m.If(enable):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        return count == 0, last

    def start_values(self, simd):
        """The start value of each row's sum, with `simd` columns at once: its bias, and what its terms lack; (mh,)."""
        constant = self._bias.copy()
        if self._kind == "binary" and self._activation == "binary":
            constant -= self._weights.shape[1]
        elif self._kind == "binary" and self._activation != "ternary":
            constant += late_negatives(self._weights, simd)
        elif in_digits(self.activation_kind, self._kind, self._family):
            constant += lacking(self._weights, self.weight_bits).sum(axis=1)
        return constant

    def _starts(self, m, step):
        """The start value of each accumulator, for the neuron fold that it works on; None for zero."""
        constant = self.start_values(self._simd)
        if not constant.any():
            return [None] * self._pe
        width, mask = self._acc_width, (1 << self._acc_width) - 1
        lines = constant.reshape(self.neuron_fold, self._pe).tolist()
        rows = [sum((value & mask) << (k * width) for k, value in enumerate(line)) for line in lines]
        fold = Signal(range(self.neuron_fold))
        next_fold = Mux(fold == self.neuron_fold - 1, 0, fold + 1)
        with m.If(step):
            m.d.sync += fold.eq(next_fold)
        row = read_only(m, "starts", rows, self._pe * width, Mux(step, next_fold, fold), Const(1),
                        family=self._family)
        return [row.word_select(k, width).as_signed() for k in range(self._pe)]

    def _correction(self, m, tree, x, enable, valid, first):
        """What to add to the results of all rows, ready together with the accumulators."""
        bits = [shared_bit(self.activation_kind, self._kind, element) for element in x]
        if bits[0] is None:
            return Const(0)
        m.submodules.shared = shared = SharedCount(count=self._simd, **tree)
        total = Signal(range(self._weights.shape[1] + 1), reset_less=True)
        following = accumulated_from_zero(m, total, first, shared, 1, self._family)
        m.d.comb += [shared.bits.eq(Cat(bits)), shared.enable.eq(enable)]
        with m.If(enable & valid):
            m.d.sync += total.eq(following)
        return -total if self._kind == "binary" else total
