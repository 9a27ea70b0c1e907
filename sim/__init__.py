"""The golden model, which says what a network means on integers, and the benches that hold Verilog to it."""
