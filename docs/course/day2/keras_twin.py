"""The same network in Keras 3, on PyTorch: the same weights give the same answers. Needs: pip install keras

.venv/bin/python docs/course/day2/keras_twin.py
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"  # before keras is imported: its default is another

import keras
import numpy as np
from mlp import MLP, read_digits, train


# --8<-- [start:build]
def build_twin(network: MLP) -> keras.Sequential:
    """Our network as Keras layers: ReLU after each but the last."""
    sizes = [biases.size for biases in network.biases]
    twin = keras.Sequential([keras.Input((network.weights[0].shape[1],))])
    for size in sizes[:-1]:
        twin.add(keras.layers.Dense(size, activation="relu"))
    twin.add(keras.layers.Dense(sizes[-1]))
    return twin


def copy_weights(network: MLP, twin: keras.Sequential) -> None:
    """Keras keeps a weight matrix as (in, out), we and PyTorch as (out, in): the same numbers, transposed."""
    for dense, weights, biases in zip(twin.layers, network.weights, network.biases, strict=True):
        dense.set_weights([weights.T, biases])


# --8<-- [end:build]


# --8<-- [start:compare]
def compare(images: int = 500) -> dict[str, float]:
    """Train ours for one pass over 5 000 digits, hand its weights over, and let both read the same new digits.

    Keras computes with 32 bits, about seven digits, and ours with 64: they differ by no more than that rounding.
    """
    digits = read_digits()
    inputs, labels = (part[:5000] for part in digits["train"])
    network = MLP((784, 64, 10))
    train(network, inputs.astype(np.float64), labels, epochs=1)
    twin = build_twin(network)
    copy_weights(network, twin)
    new = digits["validation"][0][:images]
    ours = network.forward(new.astype(np.float64))
    theirs = keras.ops.convert_to_numpy(twin(new))
    return {
        "largest_logit": float(np.abs(ours).max()),
        "largest_difference": float(np.abs(ours - theirs).max()),
        "same_predictions": float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
    }


# --8<-- [end:compare]


# --8<-- [start:fit]
def fit_in_keras(epochs: int = 1, images: int = 5000, seed: int = 0) -> float:
    """What `train` does, in Keras's words; the accuracy on validation images."""
    keras.utils.set_random_seed(seed)
    digits = read_digits()
    inputs, labels = (part[:images] for part in digits["train"])
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(256, activation="relu", kernel_initializer="he_normal"),
            keras.layers.Dense(128, activation="relu", kernel_initializer="he_normal"),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.1, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(inputs, labels, batch_size=100, epochs=epochs, verbose=0)
    new, new_labels = digits["validation"]
    return float((model.predict(new, verbose=0).argmax(axis=1) == new_labels).mean())


# --8<-- [end:fit]


def main() -> None:
    """Print how far apart the two are, and what Keras learns by itself."""
    print(f"Keras {keras.__version__} on {keras.backend.backend()}")
    for name, value in compare().items():
        print(f"{name:20}{value:.3g}")
    print(f"one pass over 5 000 digits in Keras: {fit_in_keras():.2%} of validation")


if __name__ == "__main__":
    main()
