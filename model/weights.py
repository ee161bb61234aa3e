"""Weights folders: save, find, verify. A weights folder is laid out as a Hugging Face model repository.

    config.json         architecture, labels, preprocessing, temperature, when to abstain, sha256 of the others
    model.safetensors   the weights, for torch
    model.onnx          the same network, for every other runtime
    results.json        how well it does (see evaluate.py)
    README.md           the card (see card.py), and the pictures in it (see plots.py)

Nothing here is pickled, and no file is used before its sha256 has been checked. Reading needs no torch.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .abstention import SCORES
from .errors import InvalidArgument, MissingDependency, UnknownName, WeightsCorrupt, WeightsError, WeightsNotFound
from .files import replacing, sha256, write_json
from .folders import is_plain
from .images import Pixels, Preprocessing

if TYPE_CHECKING:
    from .architectures import Network

CONFIG, SAFETENSORS, ONNX, RESULTS, CARD = "config.json", "model.safetensors", "model.onnx", "results.json", "README.md"
PICTURES = ("curves.png", "confusion.png", "reliability.png", "coverage.png", "corruptions.png", "mistakes.png")
HASHED = (SAFETENSORS, ONNX, RESULTS)
"""The files whose sha256 is in config.json. The card is prose that people may edit; nothing reads its pictures."""

SHIPPED_ROOT = Path(__file__).parent / "weights"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
ONNX_OPSET = 18


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsConfig:
    """What config.json says.

    temperature            divides the logits before the softmax (Guo et al. 2017, arXiv:1706.04599)
    abstention_score       how confidence is measured, a name from `abstention.SCORES`
    abstention_threshold   a prediction whose score is less than this abstains
    known_answer           logits of `known_image`, from the network that was saved; () in folders that have none
    files                  file name → sha256
    """

    name: str
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    temperature: float = 1.0
    abstention_score: str = next(iter(SCORES))
    abstention_threshold: float = 0.0
    known_answer: tuple[float, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise InvalidArgument(f"labels must be two or more different names; received {list(self.labels)}.")
        for text in (self.name, *self.labels):
            if not text or not is_plain(text):
                raise InvalidArgument(f"name and labels must be text in a line; received {text!r}.")
        if not 0.001 <= self.temperature <= 1000:
            raise InvalidArgument(f"temperature must be 0.001 … 1000; received {self.temperature}.")
        if len(self.known_answer) not in (0, len(self.labels)):
            wanted, received = len(self.labels), len(self.known_answer)
            raise InvalidArgument(f"known_answer must have {wanted} logits, one for each label; received {received}.")
        if self.abstention_score not in SCORES:
            raise UnknownName("abstention_score", self.abstention_score, SCORES)
        probability = self.abstention_score == "max_probability"
        if not (0 <= self.abstention_threshold <= 1 if probability else math.isfinite(self.abstention_threshold)):
            allowed = "0 … 1" if probability else "a finite number"
            raise InvalidArgument(f"abstention_threshold must be {allowed}; received {self.abstention_threshold}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, in the order of config.json."""
        return {
            "library_name": "thumbnet",
            "name": self.name,
            "architecture": self.architecture,
            "options": dict(self.options),
            "labels": list(self.labels),
            "preprocessing": asdict(self.preprocessing),
            "temperature": self.temperature,
            "abstention_score": self.abstention_score,
            "abstention_threshold": self.abstention_threshold,
            "known_answer": list(self.known_answer),
            "files": dict(self.files),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WeightsConfig:
        """Read what `to_dict` wrote. Raises what its conversions raise for anything else (see `read_config`)."""
        return cls(
            name=str(values["name"]),
            architecture=str(values["architecture"]),
            options=dict(values["options"]),
            labels=tuple(str(label) for label in values["labels"]),
            preprocessing=Preprocessing(**values["preprocessing"]),
            temperature=float(values["temperature"]),
            abstention_score=str(values.get("abstention_score", next(iter(SCORES)))),
            abstention_threshold=float(values["abstention_threshold"]),
            known_answer=tuple(float(logit) for logit in values.get("known_answer", ())),
            files={str(name): str(digest) for name, digest in values["files"].items()},
        )


def shipped_weights() -> tuple[str, ...]:
    """Names of the models that come with thumbnet."""
    return tuple(sorted(path.parent.name for path in SHIPPED_ROOT.glob(f"*/{CONFIG}")))


def find_weights(weights: str | Path, revision: str | None = None) -> Path:
    """The folder of a shipped model ("cifar10"), a local folder, or a Hub repository ("owner/name", downloaded).

    A Path is always a local folder.

    revision   branch, tag or commit of a Hub repository; pin a commit to get the same bytes for ever

    Raises WeightsNotFound where there is none of these, InvalidArgument for a revision of what is no Hub repository.
    """
    from .hub import pull

    on_hub = isinstance(weights, str) and HUB_ID.fullmatch(weights)
    if revision is not None:
        if not on_hub:
            raise InvalidArgument(f"only a Hub repository, owner/name, has a revision; received {weights!r}.")
        return pull(str(weights), revision)
    if isinstance(weights, str) and weights in shipped_weights():
        return SHIPPED_ROOT / weights
    folder = Path(weights)
    with contextlib.suppress(OSError):  # a name that is too long for one
        if folder.is_dir():
            return folder
    if on_hub:
        return pull(str(weights), None)
    shipped = UnknownName("weights", str(weights), shipped_weights())
    raise WeightsNotFound(f"{shipped} Or give a weights folder, or a Hub repository as owner/name.")


def read_config(folder: Path) -> WeightsConfig:
    """Read config.json. Raises WeightsNotFound where it is missing, WeightsCorrupt where it makes no sense."""
    path = folder / CONFIG
    try:
        return WeightsConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise WeightsNotFound(f"{folder} is not a weights folder: it has no {CONFIG}.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        what = str(error) if isinstance(error, InvalidArgument) else f"{type(error).__name__}: {error}."
        raise WeightsCorrupt(f"{path} cannot be used: {what}") from error


def read_results(folder: Path, config: WeightsConfig) -> dict[str, Any]:
    """What results.json says; {} where there is none. Raises WeightsCorrupt where it was changed or is no object."""
    if RESULTS not in config.files and not (folder / RESULTS).exists():
        return {}
    try:
        results = json.loads(verified(folder, config, RESULTS).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsCorrupt(f"{folder / RESULTS} cannot be read: {error}. Download or train it again.") from error
    if not isinstance(results, dict):
        raise WeightsCorrupt(f"{folder / RESULTS} is no JSON object. Download or train it again.")
    return results


def verified(folder: Path, config: WeightsConfig, name: str) -> Path:
    """The path of a file of the folder, once its sha256 has been compared with config.json.

    Raises WeightsCorrupt where the file is missing, unlisted, unreadable or different.
    """
    path = folder / name
    expected = config.files.get(name)
    if expected is None or not path.is_file():
        raise WeightsCorrupt(f"{folder} has no {name}, or its {CONFIG} does not list it. Download or train it again.")
    try:
        received = sha256(path)
    except OSError as error:
        raise WeightsCorrupt(f"cannot read {path}: {error.strerror or error}. Let this user read it.") from error
    if received != expected:
        raise WeightsCorrupt(
            f"{path} has the sha256 {received}, but {CONFIG} says {expected}. It was changed or damaged: "
            "download or train it again."
        )
    return path


def verify_files(folder: Path, config: WeightsConfig) -> None:
    """Compare every file that config.json lists, also those that this machine does not use. Raises WeightsCorrupt."""
    for name in HASHED:  # and no path that a stranger's config.json may lead to
        if name in config.files:
            verified(folder, config, name)


def write_config(folder: Path, config: WeightsConfig) -> WeightsConfig:
    """Write config.json with the sha256 of the files that are there now, and return what it says."""
    values = config.to_dict()
    values["files"] = {name: sha256(folder / name) for name in HASHED if (folder / name).exists()}
    write_json(folder / CONFIG, values)
    return WeightsConfig.from_dict(values)


def save_weights(folder: Path, network: Network, config: WeightsConfig) -> WeightsConfig:
    """Write model.safetensors, model.onnx and config.json; each file is whole or absent.

    The network is left on the processor and in evaluation mode. Raises WeightsError where it cannot be exported.
    """
    from safetensors.torch import save_file

    network = network.cpu().eval()
    with replacing(folder / SAFETENSORS) as temporary:
        tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        save_file(tensors, temporary, {"format": "pt"})
    with replacing(folder / ONNX) as temporary:
        export_onnx(network, config, temporary)
    return write_config(folder, replace(config, known_answer=answer_known_image(network, config.preprocessing)))


def known_image(preprocessing: Preprocessing) -> Pixels:
    """(1, size, size, channels) uint8: slopes in different directions. Its answer tells whether a runtime is sound."""
    size = preprocessing.image_size
    rows, columns = np.mgrid[0:size, 0:size]
    slopes = np.stack((rows, columns, rows + columns), axis=-1)[None, :, :, : preprocessing.channels]
    image: Pixels = (255 * slopes // max(1, slopes.max())).astype(np.uint8)
    return image


def answer_known_image(network: Network, preprocessing: Preprocessing) -> tuple[float, ...]:
    """The logits that a network on the processor, in evaluation mode, gives for it."""
    import torch

    pixels = torch.from_numpy(known_image(preprocessing)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        logits = network(pixels)[0].tolist()
    return tuple(round(logit, 5) for logit in logits)


def load_network(folder: Path, config: WeightsConfig) -> Network:
    """Rebuild the torch network with verified weights, in evaluation mode. Raises WeightsCorrupt if they do not fit."""
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependency("torch", "train") from error
    from safetensors import SafetensorError

    from .architectures import build

    network = build(
        config.architecture,
        num_classes=len(config.labels),
        in_channels=config.preprocessing.channels,
        image_size=config.preprocessing.image_size,
        options=config.options,
    )
    try:
        network.load_state_dict(load_file(verified(folder, config, SAFETENSORS)), strict=True)
    except (RuntimeError, SafetensorError) as error:
        raise WeightsCorrupt(f"{folder / SAFETENSORS} does not fit {config.architecture}: {error}") from error
    return network.eval()


def export_onnx(network: Network, config: WeightsConfig, path: Path) -> None:
    """Write a network on the processor as ONNX: `pixels` (N, H, W, C) uint8 → `logits` (N, classes) float32, any N.

    Raises WeightsError where torch cannot.
    """
    import torch
    from torch import Tensor, nn

    class FromPixels(nn.Module):
        """Takes images as they are stored, channels last."""

        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: Tensor) -> Tensor:
            logits: Tensor = self.network(pixels.permute(0, 3, 1, 2))
            return logits

    size, channels = config.preprocessing.image_size, config.preprocessing.channels
    example = torch.zeros(2, size, size, channels, dtype=torch.uint8)
    wrapped = FromPixels(network.to(memory_format=torch.contiguous_format).exportable()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        program = torch.onnx.export(
            wrapped,
            (example,),
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("images", min=1)}},
            opset_version=ONNX_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise WeightsError("torch could not export the network as ONNX.")
    for node in program.model.graph.all_nodes():  # stack traces, which name folders of the machine that exported
        node.metadata_props.clear()
    program.save(path, external_data=False)
