"""Reads and writes networks as QONNX, the ONNX dialect of Brevitas, FINN and the `qonnx` package.

`importer.read_network` reads and `exporter.write_network` writes. They need the `onnx` package (the extra `qonnx`), and
no torch.
"""
