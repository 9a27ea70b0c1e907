"""A matrix-vector unit unrolled over its whole matrix, with the weights in the logic."""

import functools

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.constant.compress import Style
from hdl.constant.logic import ConstantLogic, stages
from hdl.constant.netlist import real
from hdl.constant.plan import block, front
from hdl.families import check_family
from hdl.popcount import adder_tree, registers_of
from hdl.stream import BINARY, TRIT, Signature, check_count


class ConstantMVU(wiring.Component):
    """Multiplies each vector of a stream with a fixed matrix, all rows and columns in one cycle.

    A product is a wire, and rows share sums: see `hdl.constant.plan`. The rows are split into blocks, a module each, so
    that tools map a large layer block by block. All blocks share the tables; other sums are shared within a block. The
    whole unit stalls while a result waits for the output.

    The family 'portable' makes the same results from plain expressions, a popcount for each row. That form is the
    reference for the others, and has a latency of its own. Ternary inputs must be trits: -2 is not checked for.

    Interval is one cycle a vector, and latency is `latency` cycles.

    Parameters
    ----------
    weights : integer array (mh, mw)
        -1 and +1.
    activation : 'binary' or 'ternary'
        Elements of the input, `BINARY` or `TRIT`.
    family : one of `hdl.families.CELL_FAMILIES`
        Family of the cells to use.
    bias : integer array (mh,), or None
        Added to the results.
    stage_levels : int
        Levels of logic between registers; 0 for the output register alone. A level is a lookup table or a short carry
        chain, or an adder if portable.
    block_rows : int
        Most rows of a block.
    sharing_rows : int
        Most rows for which the planner looks for one common sum; with 1, rows share the tables alone.
    plain : bool
        Whether to write the family's cells as plain logic, for a simulator that does not know them.

    Members
    -------
    i : stream of mw elements
    o : stream of mh elements of signed(acc_width)

    Raises
    ------
    TypeError, ValueError
        For parameters of a wrong kind, or that do not go together.
    """

    def __init__(self, *, weights, activation, family="portable", bias=None, stage_levels=3, block_rows=64,
                 sharing_rows=2, plain=False):
        self._weights = self._check_weights(weights)
        mh, mw = self._weights.shape
        if activation not in ("binary", "ternary"):
            raise ValueError(f"Activation must be 'binary' or 'ternary', not {activation!r}")
        self._activation, self._family, self._plain = activation, check_family(family), plain
        self._bias = self._check_bias(bias, mh)
        self._levels = check_count("Levels between registers", stage_levels, 0)
        self._block_rows = check_count("Rows of a block", block_rows)
        self._sharing_rows = check_count("Rows that share a sum", sharing_rows)
        lo, hi = int(self._bias.min()) - mw, int(self._bias.max()) + mw
        self._acc_width = max(hi.bit_length(), (~lo).bit_length()) + 1
        super().__init__({"i": In(Signature(TRIT if activation == "ternary" else BINARY, mw)),
                          "o": Out(Signature(signed(self._acc_width), mh))})

    @staticmethod
    def _check_weights(weights):
        weights = np.asarray(weights)
        if weights.dtype.kind not in "iu":
            raise TypeError(f"Weights must be integers, not {weights.dtype}")
        if weights.ndim != 2 or not weights.size:
            raise ValueError(f"Weights must be a matrix (mh, mw), not of shape {weights.shape}")
        if not np.isin(weights, (-1, 1)).all():
            raise ValueError(f"Weights must be -1 or +1, not {weights[~np.isin(weights, (-1, 1))][0]}")
        return weights.astype(np.int64)

    @staticmethod
    def _check_bias(bias, mh):
        bias = np.zeros(mh, dtype=np.int64) if bias is None else np.asarray(bias)
        if bias.dtype.kind not in "iu":
            raise TypeError(f"Bias must be integers, not {bias.dtype}")
        if bias.shape != (mh,):
            raise ValueError(f"Bias must have one value for each of {mh} rows, not shape {bias.shape}")
        return bias.astype(np.int64)

    @property
    def mh(self):
        """Rows of the matrix."""
        return self._weights.shape[0]

    @property
    def mw(self):
        """Columns of the matrix."""
        return self._weights.shape[1]

    @property
    def activation(self):
        """'binary' or 'ternary'."""
        return self._activation

    @property
    def acc_width(self):
        """Bits of a result."""
        return self._acc_width

    @property
    def interval(self):
        """Cycles a vector."""
        return 1

    @property
    def latency(self):
        """Cycles from a vector to its results."""
        return 1 + self._last_stage

    @property
    def _last_stage(self):
        if self._family == "portable":
            return registers_of(self._weights.shape[1], self._levels)
        return max(stages(block.netlist, self._levels)[bit.signals[0]]
                   for block in self.plan[1] for row in block.outputs for bit in row if bit.signals)

    @functools.cached_property
    def plan(self):
        """The tables, and the blocks of rows that use them: (Front, [Block, ...])."""
        style = Style(self._family, self._levels)
        tables = front(self._weights.shape[1], self._activation == "ternary", 6 if self._family == "xc7" else 4)
        return tables, [
            block(tables, self._weights[start:start + self._block_rows], self._bias[start:start + self._block_rows],
                  self._acc_width, style, self._sharing_rows)
            for start in range(0, len(self._weights), self._block_rows)]

    def elaborate(self, platform):
        m = Module()
        enable, valid = Signal(), self.i.valid
        m.d.comb += [enable.eq(~self.o.valid | self.o.ready), self.i.ready.eq(enable)]
        for _ in range(self._last_stage):
            ahead, valid = valid, Signal(name="valid")
            with m.If(enable):
                m.d.sync += valid.eq(ahead)
        results = self.results(m, enable)
        with m.If(enable):
            m.d.sync += [self.o.valid.eq(valid), Value.cast(self.o.payload).eq(Cat(results))]
        return m

    def results(self, m, enable):
        """The results of all rows for the payload of the input, as values to concatenate. The output register is not
        among them."""
        return self._portable(m, enable) if self._family == "portable" else self._planned(m, enable)

    def _planned(self, m, enable):
        """The results of all rows, one after the other, on the cells of the family."""
        tables, blocks = self.plan
        options = {"family": self._family, "stage_levels": self._levels, "plain": self._plain}
        made = stages(tables.netlist, self._levels)
        wanted = sorted({signal for block in blocks for signal in block.inputs})
        m.submodules.tables = first = ConstantLogic(
            netlist=tables.netlist, outputs=[real(signal) for signal in wanted],
            input_stages=[0] * tables.netlist.inputs, output_stages=[made[signal] for signal in wanted], **options)
        m.d.comb += [first.i.eq(Value.cast(self.i.payload)), first.enable.eq(enable)]
        place, results = {signal: k for k, signal in enumerate(wanted)}, []
        for number, rows in enumerate(blocks):
            outputs = [bit for row in rows.outputs for bit in row]
            m.submodules[f"block{number}"] = logic = ConstantLogic(
                netlist=rows.netlist, outputs=outputs, input_stages=[made[signal] for signal in rows.inputs],
                output_stages=[self._last_stage] * len(outputs), **options)
            m.d.comb += [logic.i.eq(Cat(first.o[place[signal]] for signal in rows.inputs)), logic.enable.eq(enable)]
            results.append(logic.o)
        return results

    def _portable(self, m, enable):
        def register(value):
            late = Signal(value.shape())
            with m.If(enable):
                m.d.sync += late.eq(value)
            return late

        def count(bits):
            return adder_tree(bits, every=self._levels, register=register)

        ternary, results = self._activation == "ternary", []
        taken = [(x[0] & ~x[1], x[0] & x[1]) if ternary else (~x, x) for x in self.i.payload]
        total = count([x[0] for x in self.i.payload]) if ternary else self._weights.shape[1]
        for row, bias in zip((self._weights < 0).astype(int).tolist(), self._bias.tolist(), strict=True):
            products = count([pair[negative] for pair, negative in zip(taken, row, strict=True)])
            result = Signal(signed(self._acc_width))
            m.d.comb += result.eq(2 * products - total + bias)
            results.append(result)
        return results
