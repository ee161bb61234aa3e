"""A rival of `serving.py`: a model behind LitServe and torch, as its guide for images writes it, with batching.

    python benchmarks/litserve_server.py cifar10 8002
    curl --json '{"image_data": "BASE64"}' http://127.0.0.1:8002/predict

The settings are what its documentation advises: on a processor a worker for each core, ZeroMQ between web servers and
workers for more than 100 requests a second, and a short wait for others to share a batch. A worker computes with one
thread, so that the threads of the workers do not fight for the processors.
"""

from __future__ import annotations

import base64
import io
import os
import sys
from typing import Any

import litserve  # type: ignore[import-untyped]
import torch
from PIL import Image
from torchvision import transforms

from thumbnet.model.weights import find_weights, load_network, read_config

MOST_IMAGES, WAIT_SECONDS = 32, 0.005


class ImageClassifierAPI(litserve.LitAPI):  # type: ignore[misc]  # comes without types
    """Base64 in JSON → the best class."""

    def __init__(self, weights: str) -> None:
        super().__init__(max_batch_size=MOST_IMAGES, batch_timeout=WAIT_SECONDS)
        self.weights = weights

    def setup(self, device: str) -> None:
        """Load the network into a worker; it has its normalisation inside, so the transforms have none."""
        torch.set_num_threads(1)
        folder = find_weights(self.weights)
        config = read_config(folder)
        size = config.preprocessing.image_size
        self.labels = config.labels
        self.mode = "RGB" if config.preprocessing.channels == 3 else "L"
        self.network = load_network(folder, config).to(device)
        self.transform = transforms.Compose(
            [transforms.Resize(size), transforms.CenterCrop(size), transforms.PILToTensor()],
        )

    def decode_request(self, request) -> torch.Tensor:  # type: ignore[no-untyped-def]  # a type asks LitServe to check
        """JSON → (C, H, W) pixels."""
        image = Image.open(io.BytesIO(base64.b64decode(request["image_data"]))).convert(self.mode)
        pixels: torch.Tensor = self.transform(image)
        return pixels

    def predict(self, images: torch.Tensor) -> list[tuple[float, int]]:
        """(N, C, H, W) pixels, which LitServe has stacked → the best class of each and its probability."""
        with torch.inference_mode():
            best = self.network(images).softmax(dim=1).max(dim=1)
        return list(zip(best.values.tolist(), best.indices.tolist(), strict=True))

    def encode_response(self, output: tuple[float, int]) -> dict[str, Any]:
        """The best class of one image → JSON."""
        probability, index = output
        return {"class_name": self.labels[index], "probability": probability}


if __name__ == "__main__":
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    api = ImageClassifierAPI(sys.argv[1])
    litserve.server._MCP_AVAILABLE = False  # it would be a tool of assistants too, and fails with some versions of mcp
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=cores, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)
