"""Limits on what a user's file may ask for. A file that asks for more is refused before any work is done for it."""

MOST_LAYERS = 4096
"""Layers of a model file, with all repetitions; also nodes of a network."""
MOST_ELEMENTS = 1 << 24
"""Elements of one picture's tensor: those of 2364 x 2364 pixels in three channels."""
MOST_WEIGHTS = 1 << 28
"""Weights of all layers together; VGG-16 has 138 million."""
MOST_SIDE = 4096
"""Pixels of a side of a model's input; also of the shorter side that pictures are scaled to."""
MOST_PIXELS = 50_000_000
"""Pixels of a picture file, and of that picture once it is scaled."""
MOST_BATCH_BYTES = 1 << 30
"""Bytes of the pictures of one training step."""
MOST_NAME = 1024
"""Letters of the name of a network, a node or a class."""
MOST_FILE_BYTES = 1 << 30
"""Bytes of a file of arrays."""
