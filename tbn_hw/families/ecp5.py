"""Lattice ECP5.

A LUT is a LUT4. A CCU2C (two bits of carry chain) takes the place of two. A TRELLIS_DPR16X4 (16x4 bits of RAM) takes
the place of six: four hold the bits, and the write port blocks two. PFUMX and L6MUX21 join LUT4s and cost none. A block
RAM has 18 Kbit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tbn_hw.families import ecp5_pll
from tbn_hw.families.ecp5_chains import open_ends
from tbn_hw.families.ecp5_memories import output_registers
from tbn_hw.families.family import (
    BoardFacts,
    Cells,
    Estimates,
    Family,
    LutRam,
    Models,
    Packer,
    Pin,
    PlaceAndRoute,
    PllCell,
    Wire,
)

STATIC_CELLS = 15_000
"""From this many cells on a design goes to nextpnr's static placer, below to heap, the default. For 46,000 cells on an
LFE5U-85F the wires of static were half as long: its placement was routed in minutes, at 91 MHz, and that of heap could
not be routed. Heap places small designs sooner."""


def _chain_places(adders: Sequence[int]) -> int:
    """Each adder has a guard bit before it, and the chain one at its end. Two bits make a cell of two places."""
    halves = sum(adders) + len(adders) + 1
    return 2 * -(-halves // 2)


def _device(part: str, package: str, speed: int | None,
            constraints: str | None) -> tuple[list[str], Mapping[str, str | int | None]]:
    return [f"--{part}"], {"package": package, "speed": speed, "lpf": constraints}


def _placer(cells: int) -> str:
    return "static" if cells >= STATIC_CELLS else "heap"


def _constraints(pins: Iterable[Pin], clock: str, mhz: str) -> str:
    """An LPF file; nextpnr derives the frequency of a PLL's output."""
    lines = [f'LOCATE COMP "{pin.port}" SITE "{pin.place}";\nIOBUF PORT "{pin.port}"{pin.standard};\n' for pin in pins]
    return "".join(lines) + f'FREQUENCY PORT "{clock}" {mhz} MHZ;\n'


ECP5 = Family(
    name="ecp5",
    cells=Cells(
        # -no-rw-check: no memory here is read at the address being written, so none needs registers for the old word
        # -nowidelut: on popcount trees the mapping with PFUMX takes 1.7 times as many LUT4
        command="synth_ecp5 -nowidelut -no-rw-check",
        lut={"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
        ff="TRELLIS_FF",
        bram={"DP16KD|PDPW16KD": 1},
        dsp={"MULT18X18D": 1, "MULT9X9D": 0.5},
        free="PFUMX|L6MUX21|ALU54B",
        lone_carries=None,
    ),
    libraries=("+/ecp5/cells_sim.v", "+/ecp5/cells_bb.v"),
    mends=(open_ends, output_registers),
    models=Models(
        folder="ecp5",
        own=("primitives.v", "ecp5_blocks.v"),
        buffers={"DCCA": ("CLKO", "CLKI"), "TRELLIS_IO": ("O", "B")},
        open_inputs={r"TRELLIS_COMB\.[ABCDM]|TRELLIS_FF\.CE": "1'b1", r"TRELLIS_COMB\.FCI": "any"},
        not_modelled=r"TRELLIS_COMB\.DI[01]|TRELLIS_FF\.SD",
        without=(),
    ),
    estimates=Estimates(
        lut_ram=LutRam(16, 4, 4, 6),
        block_cost=128,  # Yosys's brams_16kd.txt
        block_size=1,
        bank_luts=lambda banks: 0.8 * (banks - 1),
        rom_column=lambda depth, mapped: None,
        chain_places=_chain_places,
        reads_into_block=True,
        table_bits=4,
        multiplier_bits=18,
        half_multiplier_bits=0,
        multiplier_adds=False,
        wire=Wire(per_lut=3.97, per_block=461.0, per_input=0.379),
    ),
    fill=0.70,
    place_and_route=PlaceAndRoute(
        tool="nextpnr-ecp5",
        device=_device,
        constraints="lpf",
        configuration="textcfg",
        places={"TRELLIS_COMB": 1},
        placer=_placer,
        aim_mhz=200.0,
        aimed=lambda clock, mhz: f'FREQUENCY NET "{clock}" {mhz:g} MHZ;\n',
        bound=None,
        bitstream=".bit",
        packer=Packer(program="ecppack", module=None, arguments=lambda part, source, target: [
            "--compress", "--input", source, "--bit", target]),
    ),
    board=BoardFacts(
        settle=8,
        settle_note="",
        constant="LUT4 #(.INIT(16'h{init})) {name} (.A(1'b0), .B(1'b0), .C(1'b0), .D(1'b0), .Z({bit}));",
        pads=(),
        constraints=_constraints,
        usable=0.97,  # a choice: nextpnr knows nothing of the PLL's jitter, and 3 % are left for it
        reserved={"lut": 1100, "ff": 400, "bram": 2, "dsp": 0},  # tbn_digits' 3,478 LUTs took 4,604 of an LFE5U-12F
        pll=PllCell(settings=ecp5_pll.settings, instance=ecp5_pll.instance),
    ),
)
