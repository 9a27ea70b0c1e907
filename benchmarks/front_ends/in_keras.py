"""Makes a file with Keras, for an interpreter that has it: `python -m benchmarks.front_ends.in_keras`.

Its arguments are KIND DATA.npz MODEL.onnx RESULT.npz. KIND is `larq` or `keras`. DATA.npz holds pictures (n, h, w, c)
of bytes as `train` and `test`, and the `labels` of the first. Both networks read a picture (1, h, w, c) of values 0 to
1. RESULT.npz gets the `logits` of the test pictures in ONNX Runtime, and as `trained` those of Keras. It imports
`runtime` alone of this repository.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.front_ends.runtime import logits, quantised


def larq(shape: tuple[int, ...]) -> Any:
    """Binary weights. The first convolution reads pictures, the second ternary values and the last binary ones."""
    import larq
    import tensorflow as tf

    binary = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "use_bias": False}
    return tf.keras.Sequential([
        tf.keras.Input(shape),
        larq.layers.QuantConv2D(16, 3, padding="same", pad_values=0, **binary),
        tf.keras.layers.BatchNormalization(scale=False),
        larq.layers.QuantConv2D(32, 3, input_quantizer=larq.quantizers.SteTern(), padding="same", **binary),
        tf.keras.layers.MaxPool2D(2),
        tf.keras.layers.BatchNormalization(scale=False),
        larq.layers.QuantConv2D(32, 3, input_quantizer="ste_sign", padding="same", pad_values=1, **binary),
        tf.keras.layers.BatchNormalization(scale=False),
        tf.keras.layers.Flatten(),
        larq.layers.QuantDense(10, input_quantizer="ste_sign", **binary),
        tf.keras.layers.BatchNormalization(scale=False),
        tf.keras.layers.Softmax(),
    ])


def keras(shape: tuple[int, ...]) -> Any:
    """A network of real numbers, which ONNX Runtime quantises."""
    import tensorflow as tf

    layers = tf.keras.layers
    return tf.keras.Sequential([
        tf.keras.Input(shape),
        layers.Conv2D(16, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Conv2D(24, 3, padding="same", activation="relu"),
        layers.MaxPool2D(2),
        layers.Conv2D(32, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ])


def main(kind: str, data: str, file: str, result: str) -> None:
    import tensorflow as tf
    import tf2onnx

    with np.load(data) as arrays:
        train, labels, test = arrays["train"], arrays["labels"], arrays["test"]
    tf.keras.utils.set_random_seed(0)
    model = (larq if kind == "larq" else keras)(train.shape[1:])
    model.compile(tf.keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    scale = np.float32(255)
    model.fit(train / scale, labels, batch_size=64, epochs=30, verbose=0)
    signature = (tf.TensorSpec((None, *train.shape[1:]), tf.float32, name="input"),)
    tf2onnx.convert.from_keras(model, signature, opset=17, output_path=file)
    if kind == "keras":
        quantised(Path(file), train[:200] / scale)
    np.savez(result, logits=logits(file, test / scale), trained=model.predict(test / scale, verbose=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
