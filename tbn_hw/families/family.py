"""The record of an FPGA family: everything that a build must know of it, as data and callables.

Every field must be given. A field is None if the family has no such thing; its type says whether it may be None.
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
    """A frozen record. Raises ValueError, naming the field, if one is missing or is None and must not be."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) is None and not str(field.type).endswith("| None"):
                raise ValueError(f"{type(self).__name__}.{field.name} must not be None")


@dataclass(frozen=True, kw_only=True)
class Cells(Record):
    """The cost of cells. The tables give the price of a cell, by a pattern for the whole name of its type."""

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
    """Counts the carry cells of a module that share no place with a LUT and so cost one; None if carries cost nothing.
    """


@dataclass(frozen=True, kw_only=True)
class Models(Record):
    """How cells behave in a simulator of two values without delays."""

    folder: str
    """The folder of Yosys's models, in its share."""
    own: tuple[str, ...]
    """Files of `sim.bench` whose models replace Yosys's."""
    buffers: Mapping[str, tuple[str, str]]
    """Output and input of each cell that only passes a signal on: pads of inputs and clock trees."""
    open_inputs: Mapping[str, str]
    """The value of an unconnected input, by a pattern of cell.port; others read 0."""
    not_modelled: str
    """Pattern of ports and parameters, as cell.name, that the models lack. The ports are left unconnected."""
    without: tuple[str, ...]
    """Cells without a usable model."""


class LutRam(NamedTuple):
    """Rows and bits of a family's LUT RAM, its cost in Yosys's choice, and the LUTs that it takes.

    If the cost is `scaled`, Yosys counts only the bits that are used.
    """

    rows: int
    bits: int
    cost: float
    luts: int
    scaled: bool = False


@dataclass(frozen=True, kw_only=True)
class Wire(Record):
    """Tiles of wire per LUT, per block RAM, and per unit of lanes * bits * sqrt(SIMD); see `tbn_hw.costs.wires`."""

    per_lut: float
    per_block: float
    per_input: float


@dataclass(frozen=True, kw_only=True)
class Estimates(Record):
    """Facts for estimates of costs, beside the fitted coefficients."""

    lut_ram: LutRam | None
    block_cost: float
    """The cost of a block RAM where Yosys chooses a memory by itself; a bit of a memory of flip-flops costs 1."""
    block_size: float
    """The size of a block of `hdl.families.BLOCKS`, in block RAMs as `Cells` counts them."""
    bank_luts: Callable[[int], float]
    """LUTs of a bit of the multiplexer behind so many banks of block RAM."""
    rom_column: Callable[[int, bool], float | None]
    """LUTs of a random column of a ROM, from its rows and whether `hdl.lut_rom` maps it; None to ask `hdl.rom`."""
    chain_places: Callable[[Sequence[int]], int]
    """Places of a carry chain, from the bits of the adders that follow each other in it."""
    reads_into_block: bool
    """Whether the block RAM has a register for the word that was read."""
    table_bits: int
    """The widest element, in bits, that lookup tables alone compare with constants."""
    multiplier_bits: int
    """Width of a multiplier. The bits of a factor beyond it become logic."""
    half_multiplier_bits: int
    """The widest factors, in bits, for which a product takes half a multiplier; 0 if none does."""
    multiplier_adds: bool
    """Whether synthesis lets a multiplier add the product of another one. Then half the products need no adder."""
    wire: Wire | None


@dataclass(frozen=True, kw_only=True)
class Packer(Record):
    """The program that makes a bitstream of a routed design."""

    program: str
    module: str | None
    """The Python module of the program; None if nextpnr's package has it."""
    arguments: Callable[[str, str, str], list[str]]
    """The program's arguments, from the part as nextpnr names it, the file to read, and the file to write."""


class Bound(NamedTuple):
    """What an analysis of our own says of a routed netlist: the least period in ns, and cells without a delay."""

    period_ns: float
    untimed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlaceAndRoute(Record):
    """The family's nextpnr."""

    tool: str
    """Its name in `tbn_hw.tools.versions.PACKAGES`."""
    device: Callable[[str, str, int | None, str | None], tuple[list[str], Mapping[str, str | int | None]]]
    """Arguments and options, from part, package, speed and constraint file. An option of value None is left out."""
    constraints: str
    """The suffix of constraint files, without its dot."""
    configuration: str | None
    """The option that writes the routed configuration; None if nextpnr's netlist holds it."""
    places: Mapping[str, int]
    """The LUT places that each cell takes."""
    placer: Callable[[int], str]
    """The placer of nextpnr for a design, from its number of cells."""
    aim_mhz: float
    """The clock to aim at where none is asked for. nextpnr rests once it is met, so accelerators do not reach it."""
    aimed: Callable[[str, float], str]
    """Lines of the constraint file that make nextpnr aim at these MHz of a clock, whatever the PLL's setting."""
    bound: Callable[[Module, str, str], Bound] | None
    """A bound on the period of a routed netlist, from its top module, part and package; None if nextpnr times all."""
    bitstream: str
    """The suffix of bitstreams, with its dot."""
    packer: Packer


@dataclass(frozen=True, kw_only=True)
class PllCell(Record):
    """The family's PLL."""

    settings: Callable[[int, int], Iterable[Rated]]
    """Settings with an output at or below the wanted frequency, from the input's and the wanted one, in hertz."""
    instance: Callable[[Pll, str, str, bool], str]
    """Verilog of the cell, from `clk` to `clock` and `locked`. Its arguments are the setting, the MHz of both clocks,
    and whether `clk` is the pin beside the PLL."""


class Pin(NamedTuple):
    """A port, the pin it goes to, and the standard of that pin; None if the constraint file has none."""

    port: str
    place: str
    io_type: str | None

    @property
    def standard(self) -> str:
        """The standard as LPF and CST files write it, after a space."""
        return f" IO_TYPE={self.io_type}" if self.io_type else ""


@dataclass(frozen=True, kw_only=True)
class BoardFacts(Record):
    """Facts for a board's top level."""

    settle: int
    """The reset lasts 2**settle clock cycles once the PLL's clock is good."""
    settle_note: str
    """The end of the top level's comment on that reset."""
    constant: str
    """Verilog of a cell that makes a constant. Its fields are `init` (16 bits in hexadecimal), `name`, and `bit` (its
    net)."""
    pads: tuple[str, ...]
    """Yosys commands that put buffers at the pins, if nextpnr does not."""
    constraints: Callable[[Iterable[Pin], str, str], str]
    """The constraint file: pins, and the frequency of a clock's port, given in MHz."""
    usable: float
    """The part of nextpnr's Fmax that the board's clock may have."""
    reserved: Mapping[str, float]
    """LUTs, flip-flops, block RAMs and multipliers that the link takes beside the accelerator."""
    pll: PllCell


@dataclass(frozen=True, kw_only=True)
class Family(Record):
    """An FPGA family."""

    name: str
    cells: Cells
    libraries: tuple[str, ...]
    """The files that declare the family's cells, in Yosys's own folder."""
    mends: tuple[Callable[[Module], object], ...]
    """Changes of a flat netlist before place and route."""
    models: Models
    estimates: Estimates
    fill: float
    """The part of a device's LUTs, and of its flip-flops, that a design may fill and can still be routed."""
    place_and_route: PlaceAndRoute | None
    board: BoardFacts | None
