"""The record of an FPGA family: everything that a build must know of it, as data and callables.

Every field must be given. What a family does not have is None, and only fields whose type says so may be None.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from tbn_hw.families.frequency import Pll, Rated

Module = dict[str, Any]
"""The top module of a flat JSON netlist of Yosys."""


class _Whole(type):
    """Makes records, and names the fields that were left out."""

    def __call__(cls, **given: Any) -> Any:
        missing = [field.name for field in dataclasses.fields(cast(Any, cls)) if field.name not in given]
        if missing:
            name = f" {given['name']!r}" if "name" in given else ""
            raise ValueError(f"{cls.__name__}{name} must have {' and '.join(missing)}")
        return super().__call__(**given)


@dataclass(frozen=True)
class Record(metaclass=_Whole):
    """A frozen record. Raises ValueError, which names the field, where one is missing or must not be None."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) is None and not str(field.type).endswith("| None"):
                raise ValueError(f"{type(self).__name__}.{field.name} must not be None")


@dataclass(frozen=True, kw_only=True)
class Cells(Record):
    """What cells cost. The tables give the price of a cell, by a pattern for the whole name of its type."""

    command: str
    """The Yosys command that maps to the family."""
    lut: Mapping[str, float]
    ff: str
    """Pattern of the flip-flops, each of which costs one."""
    bram: Mapping[str, float]
    dsp: Mapping[str, float]
    free: str
    """Pattern of the cells that cost nothing."""
    lone_carries: Callable[[Module], int] | None
    """Carry cells of a module that share no place with a LUT, and so cost one more; None where no carry does."""


@dataclass(frozen=True, kw_only=True)
class Models(Record):
    """How cells behave in a simulator of two values without delays."""

    folder: str
    """Of Yosys's models, in its share."""
    own: tuple[str, ...]
    """Files of `sim.bench` whose models replace Yosys's."""
    buffers: Mapping[str, tuple[str, str]]
    """Output and input of each cell that only passes a signal on: pads of inputs and clock trees."""
    open_inputs: Mapping[str, str]
    """What an input reads that is not connected, by a pattern of cell.port; others read 0."""
    not_modelled: str
    """Pattern of ports and parameters, as cell.name, that the models have not. The ports are not connected."""
    without: tuple[str, ...]
    """Cells without a usable model."""


class LutRam(NamedTuple):
    """Rows and bits of a family's LUT RAM, what Yosys counts it for, and the LUTs that it takes.

    Where the cost is `scaled`, Yosys counts no more bits than are used.
    """

    rows: int
    bits: int
    cost: float
    luts: int
    scaled: bool = False


@dataclass(frozen=True, kw_only=True)
class Wire(Record):
    """Tiles of wire for each LUT, each block RAM, and each of lanes * bits * sqrt(SIMD); see `tbn_hw.costs.wires`."""

    per_lut: float
    per_block: float
    per_input: float


@dataclass(frozen=True, kw_only=True)
class Estimates(Record):
    """What estimates of costs know beside the fitted coefficients."""

    lut_ram: LutRam | None
    block_cost: float
    """What Yosys counts a block RAM for where it chooses by itself; a bit of a memory of flip-flops counts 1."""
    block_size: float
    """Parts of a block RAM, as `Cells` counts it, that a block of `hdl.families.BLOCKS` is."""
    rom_column: Callable[[int, bool], float | None]
    """LUTs of a random column of a ROM, from its rows and whether `hdl.lut_rom` maps it; None where `hdl.rom` tells."""
    chain_places: Callable[[Sequence[int]], int]
    """Places that a carry chain takes in which adders of so many bits follow each other."""
    reads_into_block: bool
    """Whether the register of a word that was read is within the block RAM."""
    table_bits: int
    """Bits of an element up to which a lookup table alone compares it with constants."""
    multiplier_bits: int
    """Width of a multiplier; what a factor has beyond it becomes logic."""
    half_multiplier_bits: int
    """Bits of two factors up to which their product takes half a multiplier; 0 where none does."""
    wire: Wire | None


@dataclass(frozen=True, kw_only=True)
class Packer(Record):
    """The program that makes a bitstream of what was routed."""

    program: str
    module: str | None
    """The Python module that is the program; None where nextpnr's package has it."""
    arguments: Callable[[str, str, str], list[str]]
    """From the part as nextpnr names it, the file to read, and the file to write."""


@dataclass(frozen=True, kw_only=True)
class PlaceAndRoute(Record):
    """The family's nextpnr."""

    tool: str
    """Its name in `tbn_hw.tools.versions.PACKAGES`."""
    device: Callable[[str, str, int | None, str | None], tuple[list[str], Mapping[str, str | int | None]]]
    """From part, package, speed and constraint file: arguments, and options whose value may be None, for none."""
    constraints: str
    """The suffix of constraint files, without its dot."""
    configuration: str | None
    """The option that writes what is routed; None where that is in the netlist that nextpnr writes."""
    places: Mapping[str, int]
    """How many LUTs' places each cell takes."""
    placer: Callable[[int], str]
    """Which of nextpnr's placers is for a design of so many cells."""
    aim_mhz: float
    """The clock to aim at where none is asked for: more than accelerators reach, for nextpnr rests when it is met."""
    aimed: Callable[[str, float], str]
    """Lines of the constraint file by which nextpnr aims at so many MHz of a clock, whatever a PLL is set to."""
    bitstream: str
    """The suffix of bitstreams, with its dot."""
    packer: Packer


@dataclass(frozen=True, kw_only=True)
class PllCell(Record):
    """The family's PLL."""

    settings: Callable[[int, int], Iterable[Rated]]
    """Settings whose output is not above the wanted frequency, from that of the input and the wanted one, in hertz."""
    instance: Callable[[Pll, str, str, bool], str]
    """Verilog of the cell, from `clk` to `clock` and `locked`; given the MHz of both clocks, and whether `clk` is the
    pin beside the PLL."""


class Pin(NamedTuple):
    """A port, the pin it goes to, and the standard of that pin, None where the constraint file has none."""

    port: str
    place: str
    io_type: str | None

    @property
    def standard(self) -> str:
        """The standard as LPF and CST files have it, behind a space."""
        return f" IO_TYPE={self.io_type}" if self.io_type else ""


@dataclass(frozen=True, kw_only=True)
class BoardFacts(Record):
    """What a board's top level must know."""

    settle: int
    """Two to this are the clock cycles of reset once the PLL's clock is good."""
    settle_note: str
    """What the top level's comment on that reset ends with."""
    constant: str
    """A cell that makes a constant, with the fields `init`, its 16 bits in hexadecimal, `name`, and `bit`, its net."""
    pads: tuple[str, ...]
    """Yosys commands that put buffers at the pins, where nextpnr does not."""
    constraints: Callable[[Iterable[Pin], str, str], str]
    """The constraint file: pins, and the frequency of a clock's port, given in MHz."""
    usable: float
    """Of the Fmax that nextpnr reckons, the part that the board's clock may have."""
    reserved: Mapping[str, float]
    """LUTs, flip-flops, block RAMs and multipliers that the link takes beside the accelerator."""
    pll: PllCell


@dataclass(frozen=True, kw_only=True)
class Family(Record):
    """An FPGA family."""

    name: str
    cells: Cells
    libraries: tuple[str, ...]
    """What declares the family's cells, in Yosys's own folder."""
    mends: tuple[Callable[[Module], object], ...]
    """What is changed of a flat netlist before place and route."""
    models: Models
    estimates: Estimates
    fill: float
    """The part of a device's LUTs, and of its flip-flops, that a design may fill and still be placed and routed."""
    place_and_route: PlaceAndRoute | None
    board: BoardFacts | None
