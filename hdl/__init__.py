"""Streaming gateware for ternary-binary networks: plain numbers and arrays in, Amaranth components out.

A component that does the work of a node has stream ports (see `hdl.stream`): `i` and `o`, unless it joins two streams.
Its `interval` and `latency`, in clock cycles, are properties, and so are all numbers that other code reads.
"""
