"""Gowin LittleBee (GW1N) and Arora (GW2A).

A LUT is a LUT4. An ALU (a bit of carry chain) takes the place of one, and a RAM16SDP4 (16x4 bits of RAM) of four.
MUX2_LUTn join LUT4s and cost none. A block RAM has 18 Kbit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tbn_hw.families import gowin_pll
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
)
from tbn_hw.families.gowin_cells import mend
from tbn_hw.families.gowin_timing import bound


def _device(part: str, package: str, speed: int | None,
            constraints: str | None) -> tuple[list[str], Mapping[str, str | int | None]]:
    """nextpnr's arguments and options. A target's package is the whole name of its part, and the part is the die."""
    pins = [] if constraints is None else ["--vopt", f"cst={constraints}"]
    return ["--device", package, "--vopt", f"family={part}", *pins], {}


def _constraints(pins: Iterable[Pin], clock: str, mhz: str) -> str:
    """A CST file. The frequency is not in it: nextpnr takes one for all clocks as an option."""
    return "".join(f'IO_LOC "{pin.port}" {pin.place};\nIO_PORT "{pin.port}"{pin.standard};\n' for pin in pins)


_FEW_BANKS = {1: 0, 2: 1, 3: 2, 4: 4, 5: 16, 6: 17, 7: 13, 8: 12}
"""LUTs of a multiplexer of so many inputs, as Yosys 0.70 makes it: of MUX2_LUT5 to MUX2_LUT8 on LUT1s."""


def _bank_luts(banks: int) -> float:
    return _FEW_BANKS.get(banks, 1.2 * (banks - 1))


GOWIN = Family(
    name="gowin",
    cells=Cells(
        # -family only selects the black boxes, and every family has those that are used here
        command="synth_gowin -family gw2a -nowidelut -noiopads -no-rw-check",
        lut={"LUT[1-4]|ALU": 1, "RAM16SDP4": 4, "RAM16SDP2": 4, "RAM16SDP1": 4},
        ff="DFF(S|R|P|C)?E?",
        bram={"SP(X9)?|S?DP(X9)?B": 1},
        dsp={"MULT18X18": 1, "MULT9X9": 0.5, "MULT36X36": 4},
        free="MUX2_LUT[5-8]|GND|VCC",
        lone_carries=None,
    ),
    libraries=("+/gowin/cells_sim.v", "+/gowin/cells_xtra_gw2a.v"),
    mends=(mend,),
    models=Models(
        folder="gowin",
        own=("gowin_blocks.v",),
        buffers={},
        open_inputs={},
        not_modelled="",
        without=("MULT36X36",),  # Yosys's model leaves the outputs undefined
    ),
    estimates=Estimates(
        lut_ram=LutRam(16, 4, 4, 4, scaled=True),
        block_cost=128,  # Yosys's gowin/brams.txt
        block_size=1,
        bank_luts=_bank_luts,
        rom_column=lambda depth, mapped: None,
        chain_places=sum,
        reads_into_block=False,
        table_bits=3,  # Yosys makes wider comparisons carry chains
        multiplier_bits=18,
        half_multiplier_bits=9,
        multiplier_adds=False,
        wire=None,
    ),
    fill=0.60,  # as on iCE40: the fastest tbn_digits within 0.60 of a GW1NR-9C fills 85 % of its places
    place_and_route=PlaceAndRoute(
        tool="nextpnr-gowin",
        device=_device,
        constraints="cst",
        configuration=None,
        places={"LUT4": 1, "ALU": 1, "RAM16SDP4": 4},
        placer=lambda cells: "heap",
        aim_mhz=250.0,
        aimed=lambda clock, mhz: "",  # nextpnr takes the frequency only as an option
        bound=bound,
        bitstream=".fs",
        packer=Packer(program="gowin_pack", module="apycula.gowin_pack", arguments=lambda part, source, target: [
            "--device", part, "--output", target, source]),
    ),
    board=BoardFacts(
        settle=8,
        settle_note="",
        constant="LUT4 #(.INIT(16'h{init})) {name} (.I0(1'b0), .I1(1'b0), .I2(1'b0), .I3(1'b0), .F({bit}));",
        pads=("iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O",),
        constraints=_constraints,
        # Apycula's delays are some 20 % short of the vendor's (github.com/YosysHQ/nextpnr/pull/1345)
        usable=0.8,
        reserved={"lut": 1000, "ff": 400, "bram": 2, "dsp": 0},
        pll=PllCell(settings=gowin_pll.settings, instance=gowin_pll.instance),
    ),
)
