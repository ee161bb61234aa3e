"""A rival of `serving.py`: a model behind Flask and torch, as tutorials write it, on Flask's own server.

    python benchmarks/tutorial_server.py cifar10 8001
    curl -F file=@cat.png http://127.0.0.1:8001/predict

Follows PyTorch's "Deploying PyTorch in Python via a REST API with Flask". It is spared one common mistake:
each request computes with one thread, so that the threads of many requests do not fight for the processors.
"""

from __future__ import annotations

import io
import sys

import torch
from flask import Flask, Response, jsonify, request
from PIL import Image
from torchvision import transforms

from thumbnet.model.weights import find_weights, load_network, read_config


def create_app(weights: str) -> Flask:
    """The application; the network has its normalisation inside, so the transforms have none."""
    torch.set_num_threads(1)
    folder = find_weights(weights)
    config = read_config(folder)
    network = load_network(folder, config)
    size, mode = config.preprocessing.image_size, "RGB" if config.preprocessing.channels == 3 else "L"
    transform = transforms.Compose(
        [transforms.Resize(size), transforms.CenterCrop(size), transforms.PILToTensor()],
    )
    app = Flask(__name__)

    @app.route("/")
    def hello() -> str:
        return "Hello World!"

    @app.route("/predict", methods=["POST"])
    def predict() -> Response:
        image = Image.open(io.BytesIO(request.files["file"].read())).convert(mode)
        with torch.inference_mode():
            probabilities = network(transform(image).unsqueeze(0)).softmax(dim=1)
        probability, index = probabilities.max(dim=1)
        return jsonify({"class_name": config.labels[int(index)], "probability": float(probability)})

    return app


if __name__ == "__main__":
    create_app(sys.argv[1]).run(port=int(sys.argv[2]))
