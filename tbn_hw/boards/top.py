"""The top level of a board: an accelerator behind a serial line, with its clock and reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources

import jinja2
from amaranth.back import verilog as amaranth_verilog

from hdl.link.board_link import BoardLink
from hdl.link.uart import phase_step, phase_width
from hdl.link.words import BAUD
from tbn_hw.families.family import Pin
from tbn_hw.families.frequency import MHZ, Pll
from tbn_hw.families.pll import pll
from tbn_hw.families.registry import board_facts
from tbn_hw.host.protocol import CLOCK_AT, Identity, network_key
from tbn_hw.shared.errors import UsageError
from tbn_hw.streaming import generate
from tbn_hw.streaming.accelerator import Accelerator
from tbn_hw.targets.catalogue import Board, Target
from tbn_hw.verilog.hierarchy import merged

GAP_MS = 50
"""Silence that ends a request. Above the pauses that a USB adapter makes within one."""
FASTEST_HZ = 400_000_000
"""A clock that no board's top has: the width of what times its line is for this one."""
LEDS = ("led_heartbeat", "led_error")
"""Ports for LEDs; a board with fewer has the first."""


@dataclass(frozen=True)
class Settings:
    """The module of what depends on the clock: its outputs, (name, width, value) of each constant."""

    name: str
    constants: tuple[tuple[str, int, int], ...]

    @property
    def verilog(self) -> str:
        ports = ", ".join(f"output wire [{width - 1}:0] {name}" for name, width, _ in self.constants)
        values = "".join(f"  assign {name} = {width}'d{value};\n" for name, width, value in self.constants)
        return f"module {self.name} ({ports});\n{values}endmodule\n"


@dataclass(frozen=True)
class BoardTop:
    """The board's top level.

    `modules` are its three modules: itself, `settings` and the link; what goes to Yosys is these and the accelerator's
    own file. `ports`, each one bit and named by its role, are what `constraints` gives pins to. The design runs at
    `clock_hz`, made of `input_hz` at `clk` by `pll` if there is one: the routed Fmax must reach that.

    Tops of different clocks, made by a PLL, differ in the PLL's parameters and the constants of the module of settings
    alone.
    """

    name: str
    modules: Mapping[str, str]
    settings: Settings
    ports: tuple[str, ...]
    input_hz: int
    clock_hz: int
    baud: int
    identity: Identity
    pll: Pll | None

    @property
    def verilog(self) -> str:
        return generate.join(dict(self.modules))


def identity_of(accelerator: Accelerator, clock_hz: int = 0) -> Identity:
    """What a board with this accelerator says of itself."""
    sizes, source = generate.ports(accelerator), accelerator.network.input
    key = network_key(accelerator.network.to_bytes())
    return Identity(key, clock_hz, source.height * source.width, sizes.input_bytes, sizes.logits, sizes.logit_bytes,
                    sizes.classes, sizes.class_bytes, accelerator.name)


def board_top(accelerator: Accelerator, family: str, *, input_hz: int, clock_hz: int, baud: int = BAUD,
              gap_ms: float = GAP_MS, pll_pad: bool = False, leds: int = len(LEDS), led_active_low: bool = False,
              high: int = 0) -> BoardTop:
    """The board's top level for an accelerator.

    `input_hz` is the frequency at the pin `clk`, `clock_hz` the highest wanted for the design. `pll_pad` says that an
    iCE40's `clk` is the pin beside the PLL, whose input it then must be. The first `leds` of LEDS become ports;
    `led_active_low`: they are lit by 0. `high` ports are held at 1.

    Raises UsageError for a family or a frequency that is not to be had, or a baud rate above a quarter of the clock.
    """
    facts, found = board_facts(family), pll(family, input_hz, clock_hz)
    achieved = found.output_hz if found else input_hz
    if achieved < 4 * baud:
        raise UsageError(f"the clock must be at least four times the line's {baud} baud, not {achieved / MHZ:g} MHz")
    identity = identity_of(accelerator, achieved)
    # two underscores: no engine's module can have such a name
    name, link_name = f"{accelerator.name}__board", f"{accelerator.name}__link"
    width = phase_width(FASTEST_HZ, baud)
    settings = Settings(f"{accelerator.name}__settings", (
        ("step", width, phase_step(achieved, baud, width)), ("clock_hz", 32, achieved)))
    unclocked = replace(identity, clock_hz=0).pack()  # the settings have it
    link = BoardLink(baud=baud, width=width, gap=max(round(baud * gap_ms / 1000), 20), pixels=identity.pixels,
                     pixel_bytes=identity.pixel_bytes, result_bytes=identity.beat_bytes, identity=unclocked,
                     clock_at=CLOCK_AT)
    input_mhz, clock_mhz = (f"{hz / MHZ:.6g}" for hz in (input_hz, achieved))
    instance = facts.pll.instance(found, input_mhz, clock_mhz, pll_pad) if found else None
    source = resources.files("tbn_hw.boards").joinpath("board.v.j2").read_text()
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True).from_string(source)
    top = template.render(name=name, link=link_name, design=accelerator.name, baud=baud, identity=identity,
                          pll=instance, leds=leds, led_active_low=led_active_low, input_mhz=input_mhz,
                          clock_mhz=clock_mhz, settings=settings, high=_high(high), settle=facts.settle,
                          settle_note=facts.settle_note)
    ports = ("clk", "uart_rx", "uart_tx", *LEDS[:leds], *_high(high))
    text = merged(amaranth_verilog.convert(link, name=link_name, emit_src=False, strip_internal_attrs=True))
    modules = {name: top, settings.name: settings.verilog, link_name: text}
    return BoardTop(name, modules, settings, ports, input_hz, achieved, baud, identity, found)


def for_target(accelerator: Accelerator, target: Target, *, clock_mhz: float | None = None,
               baud: int | None = None) -> tuple[BoardTop, str]:
    """The top level for the board of a target, and its constraint file.

    `clock_mhz` is the highest clock wanted for the design; without it there is no PLL, and the board's clock is the
    design's. The line has the board's baud rate unless another is given. Raises UsageError for a target without a
    board, and as `board_top` does.
    """
    board = target.board
    if board is None:
        raise UsageError(f"{target.name} is a part without a board; its pins are not known")
    input_hz = round(board.clock.mhz * MHZ)
    clock_hz = input_hz if clock_mhz is None else round(clock_mhz * MHZ)
    top = board_top(accelerator, target.family, input_hz=input_hz, clock_hz=clock_hz, baud=baud or board.uart.baud,
                    pll_pad=board.clock.pll_pad, leds=min(len(LEDS), len(board.leds.pins)),
                    led_active_low=board.leds.active_low, high=len(board.high))
    return top, constraints(top, board, target.family)


def constraints(top: BoardTop, board: Board, family: str) -> str:
    """The pins of a top level and the frequency of its clock input."""
    given = {"clk": board.clock.pin, "uart_rx": board.uart.rx, "uart_tx": board.uart.tx,
             **dict(zip(LEDS, board.leds.pins, strict=False)),
             **dict(zip(_high(len(board.high)), board.high, strict=True))}
    standards = dict.fromkeys(LEDS, board.leds.io_type)
    pins = [Pin(port, given[port], standards.get(port) or board.io_type) for port in top.ports]
    return board_facts(family).constraints(pins, "clk", f"{top.input_hz / MHZ:.6g}")


def _high(count: int) -> list[str]:
    """Names of the ports that are held at 1."""
    return [f"high{number}" for number in range(count)]
