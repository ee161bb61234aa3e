"""Checkpoints of a training run: safetensors, whole or absent, resumable at any step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from .errors import CheckpointError
from .files import replacing
from .recipe import Recipe


@dataclass(slots=True)
class Progress:
    """How far a run has come. Together with weights and momentum this is its whole state: randomness comes from
    (seed, step), so that a resumed run takes the same steps."""

    step: int = 0
    seconds: float = 0.0
    """Training time so far, without evaluation."""
    epoch_loss: float = 0.0
    """Sum of the losses of the epoch's steps so far."""
    machine: dict[str, Any] = field(default_factory=dict)
    """What took the last step (see `machine.machine_facts`); "moved" where steps before it ran on something else."""

    def __post_init__(self) -> None:
        if not isinstance(self.machine, dict):
            raise TypeError(f"machine must be an object; received {self.machine!r}")

    def take_over(self, machine: dict[str, Any]) -> None:
        """Go on on a machine, as `machine.machine_facts` describes it."""
        before = {name: value for name, value in self.machine.items() if name != "moved"}
        moved = self.step > 0 and (before != machine or "moved" in self.machine)
        self.machine = machine | ({"moved": True} if moved else {})


def save_checkpoint(
    path: Path,
    modules: Mapping[str, nn.Module],
    optimizers: list[Optimizer],
    recipe: Recipe,
    progress: Progress,
    data: str,
) -> None:
    """Write a checkpoint under a temporary name, then rename: the previous one is lost only to a complete new one.

    modules   name → the network and whatever else has a state
    data      fingerprint of what is learned from
    """
    tensors = _optimizer_tensors(optimizers)
    for part, module in modules.items():
        tensors |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
    metadata = {"recipe": json.dumps(recipe.to_dict()), "progress": json.dumps(asdict(progress)), "data": data}
    with replacing(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)


def load_checkpoint(
    path: Path, modules: Mapping[str, nn.Module], optimizers: list[Optimizer], recipe: Recipe, data: str
) -> Progress:
    """Restore modules and optimisers in place and return how far the run had come.

    Raises CheckpointError where the file is damaged, or belongs to another recipe or other data.
    """
    device = str(next(modules["network"].parameters()).device)
    try:
        with safe_open(path, framework="pt", device=device) as file:
            metadata = file.metadata()
            # What the data are called, and the run after them, may change: `data` says whether they are the same.
            saved = Recipe.from_dict(json.loads(metadata["recipe"])).replace(name=recipe.name, dataset=recipe.dataset)
            if saved != recipe:
                changed = [name for name, value in recipe.to_dict().items() if saved.to_dict()[name] != value]
                raise CheckpointError(
                    f"{path} was made with another recipe (different: {', '.join(changed)}). "
                    "Resume with the same recipe, or start in another folder."
                )
            if metadata["data"] != data:
                raise CheckpointError(
                    f"{path} was made with other data: images or classes have changed since. "
                    "Give the same data, or start in another folder."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            progress = Progress(**json.loads(metadata["progress"]))
        for part, module in modules.items():
            state = {name.partition(".")[2]: t for name, t in tensors.items() if name.startswith(f"{part}.")}
            module.load_state_dict(state)
        _restore_optimizers(optimizers, tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"cannot resume from {path}: {error}. Delete it to start again.") from error
    return progress


def read_progress(path: Path) -> Progress:
    """How far the run of a checkpoint had come. Raises CheckpointError where the file cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return Progress(**json.loads(file.metadata()["progress"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"cannot read {path}: {error}.") from error


def _optimizer_tensors(optimizers: list[Optimizer]) -> dict[str, Tensor]:
    return {
        f"optimizer.{position}.{index}.{name}": tensor
        for position, optimizer in enumerate(optimizers)
        for index, state in optimizer.state_dict()["state"].items()
        for name, tensor in state.items()
        if isinstance(tensor, Tensor)
    }


def _restore_optimizers(optimizers: list[Optimizer], tensors: dict[str, Tensor]) -> None:
    for position, optimizer in enumerate(optimizers):
        contents = optimizer.state_dict()
        for key, tensor in tensors.items():
            kind, *address = key.split(".")
            if kind == "optimizer" and int(address[0]) == position:
                contents["state"].setdefault(int(address[1]), {})[address[2]] = tensor
        optimizer.load_state_dict(contents)
