"""Networks as QONNX, the ONNX dialect of Brevitas, FINN and the `qonnx` package: `read_network` and `write_network`.

Needs the `onnx` package (the extra `qonnx`); free of torch.
"""
