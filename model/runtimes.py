"""OpenVINO and torch behind one small interface: pixels → logits."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .errors import MissingDependency, WeightsCorrupt
from .images import Pixels
from .weights import CONFIG, ONNX, WeightsConfig, load_network, verified

Logits = npt.NDArray[np.float32]
PRECISIONS = ("auto", "fp32", "bf16")
EXTERNAL = b"\n\x08location\x12"
"""How an ONNX file begins to say where a tensor is that it does not hold. OpenVINO itself does not leave the folder."""


class Runtime(Protocol):
    """Computes a network. Safe to call from several threads."""

    precision: str
    """What it computes in: "fp32" or "bf16"."""

    def logits(self, pixels: Pixels) -> Logits:
        """(N, H, W, C) uint8 pixels → (N, classes) float32 logits.

        A row depends on its own image alone; with torch up to rounding.
        """
        ...


class OpenVINORuntime:
    """model.onnx on the CPU. Needs no torch. "auto" is bf16 where the processor computes it natively, else fp32."""

    def __init__(
        self, folder: Path, config: WeightsConfig, threads: int | None = None, *, precision: str = "auto"
    ) -> None:
        # OpenVINO reports each import to its makers through this module; without it, it takes a stub of its own.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino as ov

        self._core = core = ov.Core()
        if precision == "auto":
            precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"
        # Pinned, the threads of two processes that each compute with one thread share a core, and another is idle.
        self._settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        if threads is not None:
            self._settings["INFERENCE_NUM_THREADS"] = str(threads)
        try:
            path = verified(folder, config, ONNX)
            if EXTERNAL in path.read_bytes():
                raise WeightsCorrupt(
                    f"{path} keeps tensors in other files, which no sha256 covers; export it as one file."
                )
            self.graph = core.read_model(path)
            check_interface(self.graph, folder, config)
            self._model = self.compile(self.graph, precision)
            # A processor that knows no bf16 computes in fp32, whatever was asked for.
            computes_in = self._model.get_property("INFERENCE_PRECISION_HINT")
            self.precision = "bf16" if computes_in == ov.Type.bf16 else "fp32"
        except RuntimeError as error:
            raise WeightsCorrupt(f"{folder / ONNX} cannot be loaded: {error}") from error
        self._local = threading.local()  # an infer request serves one thread at a time

    def compile(self, graph: Any, precision: str) -> Any:
        """A graph of OpenVINO, made ready to compute in "fp32" or "bf16"."""
        hint = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"}
        return self._core.compile_model(graph, "CPU", self._settings | hint)

    def logits(self, pixels: Pixels) -> Logits:
        """See Runtime."""
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        results = self._local.request.infer({"pixels": np.ascontiguousarray(pixels)})
        return np.array(results["logits"], dtype=np.float32)


def check_interface(graph: Any, folder: Path, config: WeightsConfig) -> None:
    """Raise WeightsCorrupt where a network of OpenVINO takes or gives something else than its config says."""
    seen, size = config.preprocessing, str(config.preprocessing.image_size)
    takes, gives = f"pixels ? × {size} × {size} × {seen.channels}", f"logits ? × {len(config.labels)}"
    for what, wanted, ports in (("takes", takes, graph.inputs), ("gives", gives, graph.outputs)):
        found = ", ".join(f"{port.any_name} {' × '.join(map(str, port.get_partial_shape()))}" for port in ports)
        if found != wanted:
            raise WeightsCorrupt(
                f"{folder / ONNX} {what} {found or 'nothing'}, but {CONFIG} says {wanted}. It was changed: download or "
                "train it again."
            )


class TorchRuntime:
    """model.safetensors with torch, on the GPU where there is one. Agrees with OpenVINO up to rounding."""

    def __init__(
        self, folder: Path, config: WeightsConfig, threads: int | None = None, *, precision: str = "auto"
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingDependency("torch", "train") from error
        if threads is not None:
            torch.set_num_threads(threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = load_network(folder, config).to(self._device)
        self.precision = "fp32" if precision == "auto" else precision

    def logits(self, pixels: Pixels) -> Logits:
        """See Runtime."""
        import torch

        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self.precision == "bf16"),
        ):
            images = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
            logits: Logits = self._network(images.permute(0, 3, 1, 2)).float().cpu().numpy()
        return logits


RUNTIMES: dict[str, Callable[..., Runtime]] = {
    "openvino": OpenVINORuntime,
    "torch": TorchRuntime,
}
