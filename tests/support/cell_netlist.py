"""A netlist of cells side by side, as Yosys writes one, for tests of the cells' models."""

import json


class Cells:
    """Cells that share input ports (name -> bits, `clk` beside them), whose nets `bits` has."""

    def __init__(self, inputs):
        self._nets, self._ports, self._cells = iter(range(2, 100_000)), {}, {}
        self.bits = {name: self.port(name, width, "input") for name, width in {**inputs, "clk": 1}.items()}

    def nets(self, width):
        return [next(self._nets) for _ in range(width)]

    def port(self, name, width, direction="output"):
        """The nets of a new port."""
        self._ports[name] = {"direction": direction, "bits": self.nets(width)}
        return self._ports[name]["bits"]

    def add(self, kind, name, parameters, inputs, outputs):
        """A cell; its parameters are strings as they stand in the file, or integers of 32 bits, its pins have nets."""
        self._cells[name] = {
            "type": kind, "connections": inputs | outputs,
            "port_directions": dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output"),
            "parameters": {key: f"{value:032b}" if isinstance(value, int) else value
                           for key, value in parameters.items()}}

    def write(self, folder):
        """The netlist, as a file in that folder."""
        file = folder / "cells.json"
        file.write_text(json.dumps({"modules": {"top": {"ports": self._ports, "cells": self._cells, "netnames": {}}}}))
        return file


def merged(old, new, enables, count, bits):
    """A word whose bytes are the new ones where enabled."""
    mask = sum((1 << bits) - 1 << bits * n for n in range(count) if enables >> n & 1)
    return old & ~mask | new & mask
