"""Files that other front ends write, built and compared with ONNX Runtime."""
