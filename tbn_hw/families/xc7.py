"""Xilinx 7, for synthesis only.

A LUT is a LUT6, even if it uses fewer inputs; a LUT6_2 is one too. LUT RAMs and shift registers take one to eight.
CARRY4 and MUXF7/8 cost none. An INV that Yosys leaves is a LUT. A block RAM has 36 Kbit, so a RAMB18 is a half.
"""

from __future__ import annotations

from tbn_hw.families.family import Cells, Estimates, Family, LutRam, Models

XC7 = Family(
    name="xc7",
    cells=Cells(
        command="synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
        lut={"LUT[1-6]|LUT6_2|INV|SRL16E|SRLC16E|SRLC32E|RAM(32|64)X1S(_1)?": 1,
             "RAM(16|32|64)X1D(_1)?|RAM128X1S(_1)?|RAM32X2S": 2,
             "RAM32M|RAM64M|RAM128X1D(_1)?|RAM256X1S|RAM64X2S": 4, "RAM32M16|RAM64M8|RAM256X1D": 8},
        ff="FD[RCSP]E(_1)?|LD[CP]E",
        bram={"RAMB36E1": 1, "RAMB18E1": 0.5},
        dsp={"DSP48E1": 1},
        free="CARRY4|MUXF[78]|GND|VCC",
        lone_carries=None,
    ),
    libraries=("+/xilinx/cells_sim.v", "+/xilinx/cells_xtra.v"),
    mends=(),
    models=Models(
        folder="xilinx",
        own=("xilinx_blocks.v",),
        buffers={},
        open_inputs={},
        not_modelled="",
        without=(),
    ),
    estimates=Estimates(
        lut_ram=LutRam(32, 6, 8, 4),
        block_cost=129,  # Yosys's brams_xc4v.txt
        block_size=0.5,
        bank_luts=lambda banks: 0.55 * (banks - 1),
        rom_column=lambda depth, mapped: 0.5 if mapped else None,  # a LUT6_2 holds two columns
        chain_places=sum,
        reads_into_block=False,
        table_bits=4,
        multiplier_bits=25,
        half_multiplier_bits=0,
        multiplier_adds=True,
        wire=None,
    ),
    fill=0.70,
    place_and_route=None,
    board=None,
)
