"""Tables in the LUTs of a family, with fewer LUTs than logic synthesis takes for random rows.

A LUT4 holds 16 rows of a column.

- ECP5 and Gowin join two, four or eight LUT4s by multiplexers beside the LUTs, so up to 128 rows every LUT4 stores 16
  bits. LUT4s join the parts of deeper tables.
- On iCE40, LUT4s join all parts. A multiplexer of four takes two LUT4s.
- A LUT6_2 of Xilinx 7 holds 32 rows of two columns.

`python -m benchmarks.memories` compares the LUTs with those of synthesis.
"""

from amaranth.hdl import Cat, Const, Instance, Signal

from hdl.lut4 import lut4

DEPTHS = {"ecp5": (17, 2048), "gowin": (17, 2048), "ice40": (25, 2048), "xc7": (9, 32)}
"""Least and most rows of the tables that are mapped here. For others, synthesis takes no more LUTs."""

UNIT = {"ecp5": 128, "gowin": 128, "ice40": 16}
"""Most rows of a table that needs no multiplexers made of LUTs."""

WIDE = {"ecp5": (("PFUMX", "BLUT", "ALUT", "C0", "Z"), *[("L6MUX21", "D0", "D1", "SD", "Z")] * 2),
        "gowin": [(f"MUX2_LUT{size}", "I0", "I1", "S0", "O") for size in (5, 6, 7)]}
"""Multiplexers beside the LUTs. The first joins two LUT4s, each other one joins two of the multiplexers before it. Each
is (cell, input at 0, input at 1, select, output)."""

MUX2, MUX4_LOW, MUX4_HIGH = 0xCACA, 0xF0CA, 0xCAF0
"""Truth tables. MUX2 of (a, b, c) is `c ? b : a`. A multiplexer of a, b, c, d has two LUT4s: MUX4_LOW of (a, b, s0, s1)
is `s1 ? s0 : s0 ? b : a`, and MUX4_HIGH of (c, d, that output, s1) makes the choice."""


def is_mapped(family, depth):
    """Whether a table of `depth` rows is mapped to the family's cells."""
    least, most = DEPTHS.get(family, (1, 0))
    return least <= depth <= most


def luts_of(rows, width, family):
    """LUTs that `lut_rom` takes for a table."""
    columns, seen = set(columns_of(rows, width)), set()
    if family == "xc7":
        return (len(columns) + 1) // 2
    return sum(_luts(_tree(family, column, len(rows)), seen) for column in columns)


def columns_of(rows, width):
    """The columns of a table, as integers with row 0 in the low bit."""
    text = [format(row, f"0{width}b")[::-1] for row in reversed(rows)]
    return [int("".join(column), 2) for column in zip(*text, strict=True)]


def lut_rom(m, rows, width, address, family):
    """The row at `address`, from cells of the family and without a register; see `is_mapped`.

    Equal columns are made once.
    """
    columns = columns_of(rows, width)
    address = Cat(address, Const(0, 11))
    if family == "xc7":
        made = _pairs(m, list(dict.fromkeys(columns)), address)
    else:
        cells = _Cells(m, address, family)
        made = {column: cells.value(_tree(family, column, len(rows))) for column in dict.fromkeys(columns)}
    return Cat(made[column] for column in columns)


def _tree(family, column, depth):
    """How a column of `depth` rows is made: an int for 16 rows, ("wide", tables) or ("mux", address bit, trees)."""
    if depth <= 16:
        return column
    if depth <= UNIT[family]:
        half = 1 << (depth - 1).bit_length() - 1
        if _least(depth) == half // 8:
            return "wide", tuple(column >> first & 0xFFFF for first in range(0, 2 * half, 16))
        parts = [_tree(family, piece, rows) for piece, rows in _pieces(column, depth, half)]
        return _mux((half - 1).bit_length(), parts)
    trees = [_tree(family, piece, rows) for piece, rows in _pieces(column, depth, UNIT[family])]
    bit = (UNIT[family] - 1).bit_length()
    while len(trees) > 1:
        trees = [_mux(bit, trees[first:first + 4]) for first in range(0, len(trees), 4)]
        bit += 2
    return trees[0]


def _least(depth):
    """LUT4s of a column of up to 128 rows, joined by WIDE. A rest of up to 4 rows counts as none: columns share it."""
    if depth <= 16:
        return depth > 4
    half = 1 << (depth - 1).bit_length() - 1
    return min(half // 8, half // 16 + _least(depth - half) + 1)


def _pieces(column, depth, size):
    return [(column >> first & (1 << size) - 1, min(size, depth - first)) for first in range(0, depth, size)]


def _mux(bit, trees):
    return trees[0] if all(tree == trees[0] for tree in trees) else ("mux", bit, tuple(trees))


def _luts(tree, seen):
    """LUT4s of a tree that are not in the trees seen before."""
    if tree in seen or tree == 0:
        return 0
    seen.add(tree)
    if isinstance(tree, int):
        return 1
    if tree[0] == "wide":
        return len(tree[1])
    return (1 if len(tree[2]) == 2 else 2) + sum(_luts(part, seen) for part in tree[2])


class _Cells:
    """The values of trees. Equal trees share their LUT4s."""

    def __init__(self, m, address, family):
        self._m, self._address, self._family, self._made = m, address, family, {}

    def value(self, tree):
        if tree not in self._made:
            self._made[tree] = self._make(tree)
        return self._made[tree]

    def _make(self, tree):
        if isinstance(tree, int):
            return self._lut4(tree, *self._address[:4]) if tree else Const(0, 1)
        if tree[0] == "wide":
            return self._wide([self._lut4(table, *self._address[:4]) for table in tree[1]])
        _, bit, parts = tree
        a, b, *more = [self.value(part) for part in parts]
        low, high = self._address[bit], self._address[bit + 1]
        if not more:
            return self._lut4(MUX2, a, b, low, Const(0, 1))
        return self._lut4(MUX4_HIGH, more[0], more[-1], self._lut4(MUX4_LOW, a, b, low, high), high)

    def _lut4(self, table, *inputs):
        self._m.submodules += lut4(self._family, table, inputs, out := Signal())
        return out

    def _wide(self, values):
        """The family's own multiplexers, of two, four or eight LUT4s."""
        for bit, mux in enumerate(WIDE[self._family][:(len(values) - 1).bit_length()], start=4):
            values = [self._wide_mux(mux, low, high, self._address[bit])
                      for low, high in zip(values[::2], values[1::2], strict=True)]
        return values[0]

    def _wide_mux(self, mux, low, high, select):
        cell, at_0, at_1, selects, result = mux
        self._m.submodules += Instance(cell, **{
            f"i_{at_0}": low, f"i_{at_1}": high, f"i_{selects}": select, f"o_{result}": (out := Signal())})
        return out


def _pairs(m, columns, address):
    """The value of each column of up to 32 rows, two columns in a LUT6_2."""
    made, inputs = {}, {f"i_I{k}": address[k] for k in range(5)}
    for first, *second in (columns[k:k + 2] for k in range(0, len(columns), 2)):
        made |= {column: Signal() for column in (first, *second)}
        outputs = {f"o_O{5 + k}": made[column] for k, column in enumerate((first, *second))}
        m.submodules += Instance("LUT6_2", p_INIT=Const(sum(second) << 32 | first, 64), **inputs, i_I5=1, **outputs)
    return made
