"""Streaming gateware for ternary-binary networks: plain numbers and arrays in, Amaranth components out.

Every component has stream ports `i` and `o` (see `hdl.stream`) and knows its `interval` and `latency` in clock cycles.
The numbers that others read of it are properties.
"""
