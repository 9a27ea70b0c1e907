"""Files of arrays with any content, which the library that reads them would not write."""

import json

FOREIGN = {"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "BF16": 16, "F4": 4, "F6_E2M3": 6}
"""Types that NumPy does not have, and their bits."""
BITS = {**FOREIGN, "U8": 8, "I8": 8, "I64": 64}


def write_tensors(path, tensors, metadata=None):
    """Write a `.safetensors` file of zeros. `tensors` gives the type, as the format calls it, and shape by name."""
    header, at = {"__metadata__": metadata or {}}, 0
    for name, (kind, shape) in tensors.items():
        size = BITS[kind]
        for length in shape:
            size *= length
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + size // 8]}
        at += size // 8
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))
