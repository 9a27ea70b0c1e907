"""Lattice iCE40 HX, LP and UltraPlus.

A LUT is a logic cell that holds an SB_LUT4 or an SB_CARRY. The two share a cell where the LUT adds: its I1 and I2 are
the carry's operands and I3 is the carry's input. A block RAM has 4 Kbit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tbn_hw.families import ice40_pll
from tbn_hw.families.family import (
    BoardFacts,
    Cells,
    Estimates,
    Family,
    Models,
    Module,
    Packer,
    Pin,
    PlaceAndRoute,
    PllCell,
)


def _lone_carries(module: Module) -> int:
    """The number of a module's SB_CARRY cells that can share a logic cell with no SB_LUT4.

    A constant operand or carry matches the same constant, as it does when the cells are placed.
    """
    adders: Counter[tuple[Any, ...]] = Counter()
    carries: Counter[tuple[Any, ...]] = Counter()
    for cell in module["cells"].values():
        wires = {port: bits[0] for port, bits in cell["connections"].items() if bits}
        if cell["type"] == "SB_LUT4":
            adders[wires.get("I1"), wires.get("I2"), wires.get("I3")] += 1
        elif cell["type"] == "SB_CARRY":
            carries[wires.get("I0"), wires.get("I1"), wires.get("CI")] += 1
    return (carries - adders).total()


def _rom_column(depth: int, mapped: bool) -> float | None:
    """LUTs of a ROM's column: measured were 1.6 at 18 rows and 3 at 24. Yosys makes a little more than one of a column.
    """
    return 1 + (depth - 16) / 4 if depth > 16 and not mapped else None


def _device(part: str, package: str, speed: int | None,
            constraints: str | None) -> tuple[list[str], Mapping[str, str | int | None]]:
    return [f"--{part}"], {"package": package, "speed": speed, "pcf": constraints}


def _constraints(pins: Iterable[Pin], clock: str, mhz: str) -> str:
    """A PCF file; nextpnr derives the frequency of a PLL's output."""
    return "".join(f"set_io {pin.port} {pin.place}\n" for pin in pins) + f"set_frequency {clock} {mhz}\n"


ICE40 = Family(
    name="ice40",
    cells=Cells(
        command="synth_ice40 -no-rw-check",
        lut={"SB_LUT4": 1},
        ff="SB_DFFN?(E?(SR|R|SS|S)?)",
        bram={"SB_RAM40_4K(NR|NW|NRNW)?": 1},
        dsp={"SB_MAC16": 1},
        free="SB_CARRY",
        lone_carries=_lone_carries,
    ),
    libraries=("+/ice40/cells_sim.v",),
    mends=(),
    models=Models(
        folder="ice40",
        own=("primitives.v",),
        buffers={"SB_GB": ("GLOBAL_BUFFER_OUTPUT", "USER_SIGNAL_TO_GLOBAL_BUFFER"),
                 "SB_IO": ("D_IN_0", "PACKAGE_PIN")},
        open_inputs={r"ICESTORM_LC\.CEN|SB_DFF\w*\.E": "1'b1"},
        not_modelled="",
        without=(),
    ),
    estimates=Estimates(
        lut_ram=None,
        block_cost=64,  # Yosys's ice40/brams.txt
        block_size=1,
        bank_luts=lambda banks: 0.8 * (banks - 1),
        rom_column=_rom_column,
        chain_places=sum,
        reads_into_block=False,
        table_bits=4,
        multiplier_bits=16,  # UltraPlus has multipliers, but gateware for iCE40 multiplies in LUTs
        half_multiplier_bits=0,
        multiplier_adds=False,
        wire=None,
    ),
    # a cell holds a LUT and a flip-flop only where the LUT feeds the flip-flop; tbn_digits has 3,083 LUTs and takes
    # 4,596 cells, so a fill of 0.55 takes 82 % of the cells
    fill=0.55,
    place_and_route=PlaceAndRoute(
        tool="nextpnr-ice40",
        device=_device,
        constraints="pcf",
        configuration="asc",
        places={"ICESTORM_LC": 1},
        placer=lambda cells: "heap",
        aim_mhz=120.0,
        aimed=lambda clock, mhz: f"set_frequency {clock} {mhz:g}\n",
        bound=None,
        bitstream=".bin",
        packer=Packer(program="icepack", module=None, arguments=lambda part, source, target: [source, target]),
    ),
    board=BoardFacts(
        # block RAM reads as 0 for some 3 microseconds after configuration; Amaranth waits 15
        # (github.com/amaranth-lang/amaranth/pull/338)
        settle=11,
        settle_note=", some tens of microseconds: iCE40's block RAMs read as 0 at first",
        constant="SB_LUT4 #(.LUT_INIT(16'h{init})) {name} (.I0(1'b0), .I1(1'b0), .I2(1'b0), .I3(1'b0), .O({bit}));",
        pads=(),
        constraints=_constraints,
        usable=0.97,  # a choice: nextpnr knows nothing of the PLL's jitter, and 3 % are left for it
        # tbn_digits on an iCE40UP5K: 4,013 cells with the link; its own 1,814 LUTs would take some 2,790
        reserved={"lut": 800, "ff": 400, "bram": 2, "dsp": 0},
        pll=PllCell(settings=ice40_pll.settings, instance=ice40_pll.instance),
    ),
)
