"""Golden model and test benches: what a network means on integers, and whether Verilog does the same."""
