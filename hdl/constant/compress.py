"""Sums of single bits on the cells of a family: each column of bits of equal weight is reduced to one bit.

A full adder of three bits leaves one bit of their weight and a carry.

- Four-input tables: one LUT4 makes the sum of three signals. The carry stays *virtual*: a function of three signals
  without a cell of its own. The LUT4 that adds it next also computes it, since the sum of a signal and a virtual bit is
  a function of at most four signals.
- ECP5: half a CCU2C adds a signal, a virtual bit and a carry at the cost of one LUT4, and the new carry goes to the
  next half. The first half of a chain puts a carry in, and the last one takes a carry out.
- Xilinx 7: the two outputs of a LUT6_2 are a full adder of any three bits that depend on at most five signals.
"""

import heapq
from typing import NamedTuple

from hdl.constant.column import Column
from hdl.constant.mix import best_mix
from hdl.constant.netlist import ONE, Bit, chain_order, function, real, support


class Style(NamedTuple):
    """How columns are added."""

    family: str = "ecp5"
    """One of `hdl.families.CELL_FAMILIES` except 'portable'."""
    stage_levels: int = 3
    """Levels of logic in a pipeline stage, 0 for a single stage. No chain crosses the end of a stage."""


NEEDS = {"realised": (0, 1), "three": (3, 0), "pair": (1, 2), "mixed": (2, 1), "new": (2, 1), "new_real": (3, 0),
         "on": (1, 1), "on_real": (2, 0)}
"""How many signals and how many virtual bits an adder takes, by its kind (see `hdl.constant.mix.Mix`)."""


class Adder:
    """Adds columns of bits into a netlist.

    `least` is how many bits of each weight may be left: 1 for a number, 2 for a sum that another adder takes. Columns
    from `width` on are dropped, so the sum is modulo `2 ** width`.
    """

    def __init__(self, netlist, style, width, least=1):
        self._netlist, self._style, self._width, self._least = netlist, style, width, least

    def add(self, columns):
        """The bits that are left of each weight; `columns` are lists of bits, lowest weight first."""
        columns = [list(column) for column in columns[:self._width]] + [[] for _ in range(self._width - len(columns))]
        result, chains = [], []
        for weight, bits in enumerate(columns):
            self._carries, self._chains = [], []
            last = weight == self._width - 1
            if not last:
                columns[weight + 1] += [ONE] * (bits.count(ONE) // 2)
            one, bits = bits.count(ONE) % 2, [bit for bit in bits if bit != ONE]
            if last and self._least == 1:
                result.append(self._modulo(bits + [ONE] * one, chains))
            else:
                result.append(self._reduce(bits, one, chains, columns[weight + 1:]))
            if not last:
                columns[weight + 1] += self._carries
            chains = self._chains
        return result

    def _reduce(self, bits, one, chains, rest):
        """Reduce a column by full adders, and by a half adder if needed; its carries and chains go to the next column.

        A constant `one` is added last: it turns a half adder into a full adder, or costs an inversion.
        """
        column = Column(self._netlist, bits)
        if self._style.family == "xc7":
            while len(column) > 2:
                self._whole(column)
        else:
            self._add_tables(column, sorted(chains, key=lambda chain: chain.level), rest)
        bits = [column.real() for _ in range(column.reals)] + [column.virtual() for _ in range(column.virtuals)]
        if self._least == 2:
            return bits + [ONE] * one
        if len(bits) == 2:
            bits = self._half(*bits, one)
        elif one and bits:
            self._carries += bits
            bits = [Bit(bits[0].signals, bits[0].table ^ ((1 << (1 << len(bits[0].signals))) - 1))]
        elif one:
            bits = [ONE]
        return [bit if bit == ONE else self._netlist.realise(bit) for bit in bits]

    def _add_tables(self, column, chains, rest):
        """Apply the cheapest mix of adders, to the earliest bits first; `chains` are the open ones, earliest first."""
        rest = tuple((sum(bit.is_real for bit in bits), sum(not bit.is_real and bit != ONE for bit in bits))
                     for bits in rest)
        plan = self._plan(column, chains, rest)
        while len(column) + len(chains) > 2:
            ready = [(column.ready(*NEEDS[kind]), place, kind) for place, kind in enumerate(NEEDS)
                     if plan.get(kind) and column.ready(*NEEDS[kind]) is not None
                     and (not kind.startswith("on") or chains)]
            if not ready:
                plan = self._stuck(column, chains, rest)
                continue
            level, _, kind = min(ready)
            plan[kind] -= 1
            if kind.startswith("on") and level > self._limit(chains[-1]):
                column.put(self._netlist.end(chains.pop(0)))
                plan = self._plan(column, chains, rest)
            else:
                getattr(self, f"_{kind}")(column, *([chains] if kind.startswith("on") else []))
        if plan.get("half_chain") and len(chains) == 1 and column.reals and \
                column.ready(1, 0) <= self._limit(chains[0]):
            chain = chains.pop()
            a = column.real()
            column.put(self._netlist.add(chain, a, Bit((), 0)))
            self._chains.append(chain)
        while chains:
            column.put(self._netlist.end(chains.pop(0)))

    def _plan(self, column, chains, rest):
        """The cheapest mix for the remaining bits and chains, as a dict. Ends the chains that the mix does not use."""
        made = sum(1 for _ in self._carries), len(self._chains)
        mix = best_mix(column.reals, column.virtuals, len(chains), made, rest, self._least,
                       self._style.family == "ecp5")[1]
        plan = dict(mix._asdict()) if mix else {}
        for _ in range(len(chains) - sum(plan.get(kind, 0) for kind in ("on", "on_real", "half_chain"))):
            column.put(self._netlist.end(chains.pop(0)))
        return plan

    def _stuck(self, column, chains, rest):
        """A new plan, when the bits for all planned adders are missing.

        First the carry of a chain, or else a virtual bit, becomes a signal.
        """
        if chains:
            column.put(self._netlist.end(chains.pop(0)))
        else:
            column.put(self._netlist.realise(column.virtual()))
        return self._plan(column, chains, rest)

    def _limit(self, chain):
        """The latest level of a chain's stage."""
        if not self._style.stage_levels:
            return len(self._netlist.levels)
        return chain.level - chain.level % self._style.stage_levels + self._style.stage_levels - 1

    def _on(self, column, chains):
        self._continue(column, chains, column.real(), column.virtual())

    def _on_real(self, column, chains):
        self._continue(column, chains, column.real(), column.real())

    def _continue(self, column, chains, a, v):
        chain = chains.pop()
        column.put(self._netlist.add(chain, a, v if chain_order(v) is not None else self._netlist.realise(v)))
        self._chains.append(chain)

    def _three(self, column):
        bits = [column.real() for _ in range(3)]
        column.put(self._netlist.xor(*bits))
        self._carry(*bits)

    def _pair(self, column):
        """One signal and two virtual bits."""
        a, v, u = column.real(), column.virtual(), column.virtual()
        y = self._netlist.xor(a, v)
        z = self._netlist.xor(y, u)
        column.put(z)
        # v is a ^ y and u is y ^ z
        self._carries.append(Bit((*a.signals, *y.signals, *z.signals), majority(lambda a, y, z: (a, a ^ y, y ^ z))))

    def _mixed(self, column):
        """Two signals and a virtual bit."""
        a, b, v = column.real(), column.real(), column.virtual()
        y = self._netlist.xor(a, v)
        column.put(self._netlist.xor(y, b))
        self._carries.append(Bit((*a.signals, *y.signals, *b.signals), majority(lambda a, y, b: (a, a ^ y, b))))

    def _realised(self, column):
        column.put(self._netlist.realise(column.virtual()))

    def _new(self, column):
        self._begin(column, column.real(), column.real(), column.virtual())

    def _new_real(self, column):
        self._begin(column, column.real(), column.real(), column.real())

    def _begin(self, column, injected, a, v):
        if chain_order(v) is None:
            v = self._netlist.realise(v)
        chain = self._netlist.begin(injected, self._netlist.level(a, v))
        column.put(self._netlist.add(chain, a, v))
        self._chains.append(chain)

    def _whole(self, column):
        """A full adder with both outputs, of the three earliest bits."""
        bits = [column.real() if column.reals and (not column.virtuals or column.ready(1, 0) <= column.ready(0, 1))
                else column.virtual() for _ in range(3)]
        while support(*bits) > 5:
            widest = max(range(3), key=lambda k: len(bits[k].signals))
            bits[widest] = self._netlist.realise(bits[widest])
        signals, parity = function(bits, lambda values: sum(values) & 1)
        total, carry = self._netlist.lut(signals, parity, function(bits, lambda values: sum(values) >> 1)[1])
        column.put(real(total))
        self._carries.append(real(carry))

    def _half(self, a, v, one):
        """Add two bits, and perhaps a constant one; the sum is a list of one bit."""
        if self._style.family == "xc7" and support(a, v) <= 5:
            signals, parity = function([a, v], lambda values: sum(values) + one & 1)
            both = function([a, v], lambda values: sum(values) + one >> 1)[1]
            total, carry = self._netlist.lut(signals, parity, both)
            self._carries.append(real(carry))
            return [real(total)]
        if not a.is_real:
            a = self._netlist.realise(a)
        total = real(self._netlist.lut(*function([a, v], lambda values: sum(values) + one & 1))[0])
        if v.is_real:
            self._carries.append(Bit((*a.signals, *v.signals), 0b1110 if one else 0b1000))
        else:  # v is a ^ total ^ one
            self._carries.append(Bit((*a.signals, *total.signals), 0b1011 if one else 0b0010))
        return [total]

    def _carry(self, *bits):
        self._carries.append(Bit(*function(bits, lambda values: sum(values) >> 1)))

    def _modulo(self, bits, chains):
        """The sum modulo 2 of the last column, as one real bit in a list."""
        size, queue = self._netlist.lut_size, [(self._netlist.level(bit), k, bit) for k, bit in enumerate(bits)]
        heapq.heapify(queue)
        count = len(queue)

        def take(room):
            nonlocal queue
            taken = []
            while queue and support(*taken, queue[0][2]) <= room:
                taken.append(heapq.heappop(queue)[2])
            return taken

        for chain in sorted(chains, key=lambda chain: chain.level):
            limit = self._limit(chain)
            early = [entry for entry in sorted(queue) if entry[0] <= limit]
            late = [entry for entry in queue if entry[0] > limit]
            queue = early
            taken = take(4)
            queue += late
            heapq.heapify(queue)
            total = self._netlist.end(chain, *taken)
            heapq.heappush(queue, (self._netlist.level(total), count := count + 1, total))
        while len(queue) > 1 or (queue and not queue[0][2].is_real):
            total = self._netlist.xor(*take(size))
            heapq.heappush(queue, (self._netlist.level(total), count := count + 1, total))
        return [queue[0][2]] if queue else []


def majority(bits):
    """The table of the majority of three functions of three signals."""
    return sum((sum(bits(row & 1, row >> 1 & 1, row >> 2)) >> 1) << row for row in range(8))
