"""Plans of constant layers: which sums are made once, and the netlist that makes them.

Three columns of the matrix make a group. In each group a row has one of eight patterns of signs. For each pattern a
table gives the number of products that are +1, plus one if at least two of the three trits are zero. This takes two
bits, and all rows share them.

Let z be the number of groups with an odd number of zeros. Then a dot product is `2 * sum(tables) + z - mw`. The count z
is made once, for all rows. Rows that agree in several patterns also share the sum of those tables.
"""

from typing import NamedTuple

import numpy as np

from hdl.constant.compress import Adder
from hdl.constant.netlist import ONE, Bit, Netlist, real

GROUP = 3
"""Columns of a group. The number in a table, 0 to 3, then fills two bits."""


class Front(NamedTuple):
    """The tables of all groups.

    The inputs of the netlist are the lanes: one bit each, or two bits, nonzero and negative. `tables[g][p]` are the
    bits of pattern p of group g, lowest weight first. Bit k of p is the weight of lane k, 1 for -1. `odd` has a bit for
    each group of trits, high where the number of zeros is odd; it is empty for binary lanes. `columns` are each group's
    lanes.
    """

    netlist: Netlist
    tables: list
    odd: list
    columns: list


class Block(NamedTuple):
    """Some rows of a layer.

    `inputs` are the signals of the front's netlist that this netlist takes as inputs. `outputs` are the bits of each
    row's result, lowest weight first.
    """

    netlist: Netlist
    inputs: list
    outputs: list


def front(width, ternary, lut_size, order=None):
    """The tables over `width` lanes, taken in threes in the given order."""
    order = list(range(width)) if order is None else list(order)
    netlist = Netlist(width * (1 + ternary), lut_size)
    columns = [order[start:start + GROUP] for start in range(0, width, GROUP)]
    tables, odd = [], []
    for lanes in columns:
        if ternary:
            products, pair = _trit_products(netlist, lanes)
            odd.append(real(_lut(netlist, [2 * lane for lane in lanes], lambda m: m.count(0) & 1)))
        else:
            products, pair = [((lane, 1), (lane, 0)) for lane in lanes], []
        tables.append([_table(netlist, [products[k][pattern >> k & 1] for k in range(len(lanes))], pair)
                       for pattern in range(1 << len(lanes))])
    return Front(netlist, tables, odd, columns)


def _lut(netlist, signals, value):
    """A signal that is a function of some signals; `value` computes it from the list of their values."""
    table = sum(int(value([row >> k & 1 for k in range(len(signals))])) << row for row in range(1 << len(signals)))
    return netlist.lut(signals, table)[0]


def _trit_products(netlist, lanes):
    """(products, pair) of some lanes.

    For each lane `products` has two of (signal, inversion): high where the product with +1, and with -1, is +1. `pair`
    has a signal that is high where at least two trits are zero; it is empty for a single lane.
    """
    products = [((_lut(netlist, (2 * lane, 2 * lane + 1), lambda v: v[0] and not v[1]), 0), (2 * lane + 1, 0))
                for lane in lanes]
    pair = [_lut(netlist, [2 * lane for lane in lanes], lambda m: m.count(0) > 1)] if len(lanes) > 1 else []
    return products, pair


def _table(netlist, products, pair):
    """The number of products that are +1, plus one for a pair of zeros: a list of real bits."""
    signals = [signal for signal, _ in products] + pair
    inverted = [inversion for _, inversion in products] + [0] * len(pair)

    def total(values):
        return sum(value ^ inversion for value, inversion in zip(values, inverted, strict=True))

    if len(signals) == 1 and not inverted[0]:
        return [real(signals[0])]
    tables = [sum((total([row >> k & 1 for k in range(len(signals))]) >> bit & 1) << row
                  for row in range(1 << len(signals))) for bit in range(len(products).bit_length())]
    return [real(signal) for signal in _signals(netlist, signals, tables)]


def _signals(netlist, signals, tables):
    if netlist.lut_size > 4:
        return netlist.lut(signals, *tables)
    return [netlist.lut(signals, table)[0] for table in tables]


class Rows:
    """Rows as sets of bits to add, and the sums of bits that several of them have in common."""

    def __init__(self, netlist, style, width):
        self._netlist, self._style, self._width = netlist, style, width
        self.bits, self.weights, self._index = [], [], {}

    def index(self, bit, weight):
        """The number of a bit, as a member of the sets of rows."""
        key = (bit, weight)
        if key not in self._index:
            self._index[key] = len(self.bits)
            self.bits.append(bit)
            self.weights.append(weight)
        return self._index[key]

    def share(self, rows, most_rows, candidates=40):
        """`rows` with bits that several of them have in common replaced by their sum, while that saves a full adder."""
        rows = [set(row) for row in rows]
        while True:
            best = self._best(rows, most_rows, candidates)
            if best is None:
                return rows
            chosen, common = best
            columns = self.columns(common)
            sums = Adder(self._netlist, self._style, self._width, least=2).add(columns)
            made = {self.index(bit, weight) for weight, bits in enumerate(sums) for bit in bits}
            for row in chosen:
                rows[row] = rows[row] - common | made

    def columns(self, members):
        """Some bits by their weights."""
        columns = [[] for _ in range(self._width)]
        for member in sorted(members):
            columns[self.weights[member]].append(self.bits[member])
        return columns

    def _best(self, rows, most_rows, candidates):
        """(rows, their common bits) with the largest saving if the sum is shared, or None."""
        member = np.zeros((len(rows), len(self.bits)), dtype=np.float32)
        for row, bits in enumerate(rows):
            member[row, list(bits)] = 1
        by_weight = np.array(self.weights)
        saved = full_adders(np.stack([member[:, by_weight == w] @ member[:, by_weight == w].T
                                      for w in range(self._width)], axis=-1))
        first, second = np.triu_indices(len(rows), 1)
        best, most = None, 0
        for pair in np.argsort(-saved[first, second], kind="stable")[:candidates]:
            chosen = [int(first[pair]), int(second[pair])]
            common = member[chosen].all(axis=0)
            while True:
                gain = (len(chosen) - 1) * full_adders(np.bincount(by_weight[common], minlength=self._width))
                if gain > most:
                    best, most = (list(chosen), set(np.nonzero(common)[0].tolist())), gain
                if not gain or len(chosen) == most_rows:
                    break
                others = full_adders(np.stack([member[:, common & (by_weight == w)].sum(axis=1)
                                               for w in range(self._width)], axis=-1))
                others[chosen] = -1
                chosen.append(int(np.argmax(others)))
                common &= member[chosen[-1]].astype(bool)
        return best


def full_adders(counts):
    """Full adders that bring columns of bits down to one or two bits each: counts (..., weights) -> (...)."""
    carry = np.zeros(counts.shape[:-1])
    total = carry.copy()
    for weight in range(counts.shape[-1]):
        carry = np.maximum(0, (counts[..., weight] + carry - 1) // 2)
        total += carry
    return total


def block(tables, weights, bias, acc_width, style, most_rows=2):
    """The netlist of some rows of a layer, weights (rows, mw) of -1 and +1, and bias (rows,)."""
    lut_size = 6 if style.family == "xc7" else 4
    inputs, netlist = [], Netlist(0, lut_size)

    def take(bit):
        signal = bit.signals[0]
        if signal not in place:
            place[signal] = len(inputs)
            inputs.append(signal)
            netlist.levels.append(tables.netlist.levels[signal])
        return real(place[signal])

    place = {}
    patterns = np.stack([sum((weights[:, lane] < 0) << k for k, lane in enumerate(lanes))
                         for lanes in tables.columns], axis=1)
    taken = [[[take(bit) for bit in group[pattern]] for group, pattern in zip(tables.tables, row, strict=True)]
             for row in patterns]
    odd = [take(bit) for bit in tables.odd]
    netlist.inputs = len(inputs)
    width = acc_width - 1
    members = Rows(netlist, style, width)
    rows = [{members.index(bit, weight) for bits in row for weight, bit in enumerate(bits)} for row in taken]
    rows = members.share(rows, most_rows) if most_rows > 1 else rows
    constant = bias - weights.shape[1]
    corrections = {}
    for parity in np.unique(constant & 1).tolist():
        columns = [odd + [ONE] * parity] + [[] for _ in range(len(odd).bit_length())]
        corrections[parity] = Adder(netlist, style, (len(odd) + parity).bit_length()).add(columns) if odd else [
            [ONE] * parity]
    outputs = []
    for row, value in zip(rows, constant.tolist(), strict=True):
        low, *high = corrections[value & 1]
        columns = members.columns(row)
        for weight in range(width):
            if weight < len(high):
                columns[weight] += high[weight]
            columns[weight] += [ONE] * (value >> 1 + weight & 1)
        sums = Adder(netlist, style, width).add(columns)
        outputs.append([(bits or [Bit((), 0)])[0] for bits in [low, *sums]])
    return Block(netlist, inputs, outputs)
