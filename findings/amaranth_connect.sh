#!/usr/bin/env bash
# Amaranth connects a stream of eight 2-bit numbers to one of four 4-bit numbers: only total widths are compared.
#
# `wiring.connect` raises ConnectionError where shapes do not match, so one expects it to tell such layouts apart. For
# ports it compares widths alone: signs, layouts and element counts may differ, and the bits are wired straight through.
# Seen with Amaranth 0.5.10.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages amaranth==0.5.10

cat > connect.py <<'EOF'
import warnings

from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.sim import Simulator

warnings.simplefilter("ignore")


def connect(source, target):
    """What comes out of `target` for 1, -1, 0, 0, ... in `source`, or the error."""
    m = Module()
    i, o = (stream.Signature(shape).create(path=(name,)) for name, shape in (("i", source), ("o", target)))
    try:
        wiring.connect(m, i, wiring.flipped(o))
    except wiring.ConnectionError:
        return "ConnectionError"
    found = []

    async def bench(ctx):
        ctx.set(i.payload[0], 1)
        ctx.set(i.payload[1], -1)
        await ctx.delay(1e-9)
        found.append(ctx.get(o.payload))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return f"connected, reads {[int(value) for value in found[0]]}"


print("four signed(4):", connect(data.ArrayLayout(signed(2), 8), data.ArrayLayout(signed(4), 4)))
print("eight unsigned(2):", connect(data.ArrayLayout(signed(2), 8), data.ArrayLayout(unsigned(2), 8)))
print("seven signed(2):", connect(data.ArrayLayout(signed(2), 8), data.ArrayLayout(signed(2), 7)))
EOF
python3 connect.py > found.txt
expected "ConnectionError for each, as the layouts differ from eight signed(2)"
same "to another layout" "four signed(4): connected, reads [-3, 0, 0, 0]" "$(sed -n 1p found.txt)"
same "to other signs" "eight unsigned(2): connected, reads [1, 3, 0, 0, 0, 0, 0, 0]" "$(sed -n 2p found.txt)"
same "to another width" "seven signed(2): ConnectionError" "$(sed -n 3p found.txt)"
