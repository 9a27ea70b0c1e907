"""ROMs: the order of weights in them, the choice of block RAM or logic, and the data that are read."""

import random

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Const, Module, Signal
from amaranth.sim import Simulator

from hdl.families import BLOCKS
from hdl.rom import BLOCK_WORTH, blocks_of, in_block_ram, read_only, rom_luts, weight_rows


def random_rows(depth, width, seed=1):
    rng = random.Random(seed)
    return [rng.getrandbits(width) for _ in range(depth)]


@pytest.mark.parametrize("bits", (1, 8))
def test_weight_rows(bits):
    rng = np.random.default_rng(1)
    weights = rng.choice([-1, 1], (6, 12)) if bits == 1 else rng.integers(-128, 128, (6, 12))
    rows = weight_rows(weights, 3, 4, bits)
    assert len(rows) == 2 * 3
    for fold in range(2):
        for part in range(3):
            for pe in range(3):
                for k in range(4):
                    code = rows[fold * 3 + part] >> (pe * 4 + k) * bits & (1 << bits) - 1
                    weight = weights[fold * 3 + pe, part * 4 + k]
                    assert code == (weight < 0 if bits == 1 else weight & 0xFF)


@pytest.mark.parametrize("style", ("auto", "block", "logic"))
@pytest.mark.parametrize("depth", (2, 5, 40))
def test_read_only(style, depth):
    rows, address, enable, m = random_rows(depth, 30), Signal(6), Signal(), Module()
    data = read_only(m, "rom", rows, 30, address, enable, style)

    async def bench(ctx):
        expected, rng = None, random.Random(2)
        for _ in range(100):
            at, on = rng.randrange(depth), rng.randrange(2)
            ctx.set(address, at)
            ctx.set(enable, on)
            await ctx.tick()
            expected = rows[at] if on else expected
            assert expected is None or ctx.get(data) == expected

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_equal_rows_are_a_constant():
    for style in ("auto", "block", "logic"):
        data = read_only(Module(), "rom", [5] * 600, 8, Signal(10), Const(1), style, "ecp5")
        assert isinstance(data, Const) and data.value == 5
        assert not in_block_ram([5] * 600, 8, style, "ecp5")


def test_portable_goes_to_block_ram_from_some_rows_and_bits_on():
    assert in_block_ram(random_rows(32, 32), 32)
    assert not in_block_ram(random_rows(31, 64), 64)
    assert not in_block_ram(random_rows(32, 31), 31)
    assert in_block_ram(random_rows(2, 2), 2, "block")
    assert not in_block_ram(random_rows(64, 64), 64, "logic")


@pytest.mark.parametrize("family, shapes", [
    ("ecp5", {(512, 36): 1, (512, 37): 2, (1024, 36): 2, (2048, 72): 8, (16, 72): 2}),
    ("gowin", {(512, 36): 1, (512, 37): 2, (1024, 36): 2, (2048, 72): 8, (16, 72): 2}),
    ("ice40", {(256, 16): 1, (512, 36): 5, (1024, 72): 18, (2048, 8): 4}),
    ("xc7", {(512, 36): 1, (1024, 36): 2, (2048, 72): 8})])
def test_blocks(family, shapes):
    """The same number that Yosys takes. For Xilinx 7 these are halves of 36 Kbit."""
    assert {shape: blocks_of(*shape, family) for shape in shapes} == shapes


@pytest.mark.parametrize("family", BLOCKS)
def test_cheaper_form_is_chosen(family):
    """Few rows are logic, many rows are blocks, and cost decides in between. A nearly empty block never pays."""
    width = BLOCKS[family].shapes[0][1]
    price, found = BLOCKS[family].luts * BLOCK_WORTH, set()
    for depth in (4, 16, 30, 60, 100, 200, 400, 1000):
        rows = random_rows(depth, 2 * width)
        chosen = in_block_ram(rows, 2 * width, "auto", family)
        assert chosen == (rom_luts(rows, 2 * width, family) > blocks_of(depth, 2 * width, family) * price)
        found.add((depth < 20, depth > 300, chosen))
        assert not in_block_ram([row & 1 for row in rows[:200]], 1, "auto", family)
    assert (True, False, True) not in found and (False, True, False) not in found


def test_large_roms_are_not_looked_at():
    assert in_block_ram([k & 1 for k in range(1 << 17)], 9, "auto", "ecp5")


@pytest.mark.parametrize("family, cell", [("ecp5", "L6MUX21"), ("gowin", "MUX2_LUT6"), ("ice40", "SB_LUT4"),
                                          ("portable", None)])
def test_logic_is_made_of_cells(family, cell):
    m, address, data = Module(), Signal(6), Signal(16)
    m.d.comb += data.eq(read_only(m, "weights", random_rows(64, 16), 16, address, Const(1), "logic", family))
    text = rtlil.convert(m, ports=[address, data])
    assert (f"cell \\{cell} " in text and "top.weights" in text) if cell else "memory " in text
