"""Writes a netlist of separate cells in Yosys's format, for tests of the cells' models."""

import json


class Cells:
    """Cells that share input ports: those of `inputs` (name -> width), and `clk`. `bits` has the nets of each port."""

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
        """Add a cell. Parameters are strings as in the file, or 32-bit integers. Inputs and outputs are nets by pin."""
        self._cells[name] = {
            "type": kind, "connections": inputs | outputs,
            "port_directions": dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output"),
            "parameters": {key: f"{value:032b}" if isinstance(value, int) else value
                           for key, value in parameters.items()}}

    def write(self, folder):
        """Write the netlist to a file in `folder`, and return its path."""
        file = folder / "cells.json"
        file.write_text(json.dumps({"modules": {"top": {"ports": self._ports, "cells": self._cells, "netnames": {}}}}))
        return file


def merged(old, new, enables, count, bits):
    """The old word with the enabled bytes of the new one. There are `count` bytes of `bits` bits."""
    mask = sum((1 << bits) - 1 << bits * n for n in range(count) if enables >> n & 1)
    return old & ~mask | new & mask
