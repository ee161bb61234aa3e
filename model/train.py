"""The training loop: one for every network, data set, optimiser and device.

Read `train` top to bottom. Everything that decides a run is a field of its Recipe; all randomness comes from
(seed, step), so that a run that was stopped and resumed takes the same steps as one that was not. Under torchrun
several processes run the loop together, each on every n-th image of a batch (see parallel.py).
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import BatchNorm2d
from torch.optim.swa_utils import AveragedModel

from . import parallel
from .architectures import Network, build
from .augment import augment, cutmix, resize
from .averaging import mean_network
from .checkpoint import Progress, load_checkpoint, save_checkpoint
from .datasets import Dataset, Split
from .distill import Teachers, distillation_loss
from .errors import InvalidArgument, TrainingDiverged
from .files import write_json
from .machine import autocast, machine_facts, prepare_machine, uses_bf16
from .optimizers import build_optimizers
from .progress import Metrics, progress_bar, stop_on_ctrl_c
from .recipe import Recipe
from .selection import Memory
from .start import take_over

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_SECONDS = 60.0
STATISTICS_IMAGES = 100_000
"""Images that normalisation is measured on, at most; in folders of images the order is random."""
NORM_IMAGES, NORM_BATCH = 20_000, 500
"""Images that the batch norms of averaged weights are measured on, at most, and in what batches."""


class Interrupted(KeyboardInterrupt):
    """Training was stopped from outside, after a checkpoint."""


def train(
    recipe: Recipe,
    data: Dataset,
    folder: Path,
    *,
    device: torch.device,
    show_progress: bool = True,
    after_epoch: Callable[[dict[str, float]], None] | None = None,
) -> Network:
    """Train a network by a recipe and return it in evaluation mode. Only the train and validation splits are read.

    folder        run folder: recipe.json, metrics.jsonl (a line per epoch) and the checkpoint; where it holds a
                  checkpoint of the same recipe, training goes on from there
    after_epoch   called with the epoch's line of metrics.jsonl; may raise to give the run up

    Raises CheckpointError for a checkpoint that does not fit, TrainingDiverged when loss or weights are no longer
    finite (the last good checkpoint stays), InvalidArgument for a batch of fewer images than processes, Interrupted
    after Ctrl-C (once the running step is saved).
    """
    prepare_machine()
    torch.manual_seed(derive_seed(recipe.seed, "weights"))
    network = build_network(recipe, data).to(device).to(memory_format=torch.channels_last)
    optimizers = build_optimizers(network, recipe)
    training = Split(data.train.pixels.to(device), data.train.labels.to(device))
    batch_size, drawn_size, steps_per_epoch = plan_epoch(recipe, len(training))
    total_steps = recipe.epochs * steps_per_epoch
    check_shares(batch_size, network, recipe)
    memory = Memory(mirror_coins(len(training), recipe)).to(device)
    refined = recipe.refined()

    averaged = AveragedModel(network) if recipe.average else None
    modules = {"network": network, "memory": memory} | ({"averaged": averaged} if averaged else {})
    checkpoint, progress, fingerprint = folder / CHECKPOINT, Progress(), data.fingerprint()
    if checkpoint.exists():
        progress = load_checkpoint(checkpoint, modules, optimizers, recipe, fingerprint)
    teachers = None
    if progress.step < total_steps:  # else it only remains to be measured
        progress.take_over(machine_facts(recipe, device))
        if recipe.teacher:
            teachers = Teachers(recipe, data, bf16=uses_bf16(recipe, device), device=device)
    shared = parallel.share(network)
    first = parallel.is_first()
    if first:
        metrics = Metrics(folder / "metrics.jsonl", keep=progress.step // steps_per_epoch)
        write_json(folder / "recipe.json", recipe.to_dict())
    saved_at = time.monotonic()

    with stop_on_ctrl_c() as stop, progress_bar(total_steps, progress.step, show_progress and first) as bar:
        while progress.step < total_steps:
            started = time.monotonic()
            epoch, batch = divmod(progress.step, steps_per_epoch)
            torch.manual_seed(derive_seed(recipe.seed, "step", progress.step * parallel.size() + parallel.rank()))
            drawn = epoch_order(len(training), recipe.seed, epoch)[batch * drawn_size : (batch + 1) * drawn_size]
            whole_batch = memory.hardest(drawn.to(device), batch_size)
            chosen = whole_batch[parallel.rank() :: parallel.size()]
            strength = refined if recipe.is_among_last(epoch, recipe.refinement) else recipe
            pixels, targets = see(training, chosen, flips(memory.mirrored[chosen], recipe), strength, len(data.labels))
            taught = teachers.answer(pixels) if teachers else None
            pixels = resize(pixels, training_size(recipe, epoch)).contiguous(memory_format=torch.channels_last)

            rate = learning_rate_factor(recipe, progress.step, total_steps)
            network.train()
            with autocast(recipe, device):
                logits = shared(pixels).float()
            loss = loss_function(logits, targets, recipe, taught)
            loss = loss * (len(chosen) * parallel.size() / batch_size)  # another process may have an image more
            loss.backward()
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = group["initial_lr"] * rate
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

            memory.update(whole_batch, parallel.collect(difficulty(logits.detach(), targets), batch_size))
            value, stopped = parallel.mean(loss.item(), stop.is_set(), device=device)
            progress.step += 1
            if not math.isfinite(value):
                raise diverged(f"the loss became {value}", progress, epoch, recipe, checkpoint)
            progress.epoch_loss += value
            progress.seconds += time.monotonic() - started
            bar.step(loss=value, images_per_second=batch_size / (time.monotonic() - started))

            ended = progress.step % steps_per_epoch == 0
            due = ended or stopped or time.monotonic() - saved_at > CHECKPOINT_SECONDS
            if due and not is_finite(network):
                raise diverged("a weight is no longer finite", progress, epoch, recipe, checkpoint)
            if ended and averaged and recipe.is_among_last(epoch, recipe.average):
                averaged.update_parameters(network)
            if ended and first:
                accuracy, validation_loss = evaluate_split(network, data.validation, recipe, device)
                if not math.isfinite(validation_loss):
                    raise diverged(f"the validation loss became {validation_loss}", progress, epoch, recipe, checkpoint)
                bar.epoch(accuracy)
                row = metrics.add(
                    epoch=epoch + 1,
                    loss=progress.epoch_loss / steps_per_epoch,
                    validation_loss=validation_loss,
                    validation_accuracy=accuracy,
                    learning_rate=recipe.learning_rate * rate,
                    image_size=training_size(recipe, epoch),
                    seconds=round(progress.seconds, 3),
                )
                if after_epoch:
                    after_epoch(row)
            if ended:
                progress.epoch_loss = 0.0
            if due:
                if first:
                    save_checkpoint(checkpoint, modules, optimizers, recipe, progress, fingerprint)
                saved_at = time.monotonic()
            if stopped:
                raise Interrupted
        (stopped,) = parallel.mean(stop.is_set(), device=device)
        if stopped:  # after the last step: what follows can be had by the same command
            raise Interrupted
    if averaged:
        with autocast(recipe, device):
            network = mean_network(averaged, seen_at_last(training, memory, recipe, len(data.labels)))
    network.eval()
    return network


def plan_epoch(recipe: Recipe, images: int) -> tuple[int, int, int]:
    """(images of a step, images it draws them from, steps of an epoch) for so many training images."""
    batch_size = min(recipe.batch_size, images)
    drawn_size = min(round(batch_size / recipe.selection), images)
    return batch_size, drawn_size, images // drawn_size


def check_shares(batch_size: int, network: Network, recipe: Recipe) -> None:
    """Raise InvalidArgument where a batch leaves one of the processes too few images."""
    if batch_size < parallel.size():
        raise InvalidArgument(
            f"a batch of {batch_size} images cannot be shared by {parallel.size()} processes; start fewer."
        )
    if batch_size < 2 * parallel.size() and any(isinstance(layer, BatchNorm2d) for layer in network.modules()):
        raise InvalidArgument(
            f"a batch of {batch_size} images leaves a process one, of which {recipe.architecture} cannot measure what "
            f"its batch norms need; set batch_size to {2 * parallel.size()} or more."
        )


def is_finite(network: Network) -> bool:
    """Whether all weights and statistics are numbers."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values())


def diverged(what: str, progress: Progress, epoch: int, recipe: Recipe, checkpoint: Path) -> TrainingDiverged:
    """What went wrong in the last step, what is left of the run, and what to try."""
    kept = f"The last good checkpoint is kept in {checkpoint.parent}. " if checkpoint.exists() else ""
    return TrainingDiverged(
        f"{what} at step {progress.step} (epoch {epoch + 1}). {kept}"
        f"Try a lower learning_rate than {recipe.learning_rate:g}."
    )


def see(training: Split, chosen: Tensor, mirrored: Tensor, recipe: Recipe, classes: int) -> tuple[Tensor, Tensor]:
    """The chosen training images as the recipe augments them, and their targets.

    chosen     (N,) positions in `training`
    mirrored   (N,) which of them to mirror

    Returns (N, C, H, W) uint8 pixels and (N, classes) probabilities.
    """
    pixels = augment(training.pixels[chosen], mirrored, recipe)
    targets = F.one_hot(training.labels[chosen], classes).float()
    return cutmix(pixels, targets, recipe.cutmix) if recipe.cutmix else (pixels, targets)


def seen_at_last(training: Split, memory: Memory, recipe: Recipe, classes: int) -> Iterator[Tensor]:
    """Batches of training images, augmented as in the last epoch, at the full size."""
    strength = recipe.refined() if recipe.is_among_last(recipe.epochs - 1, recipe.refinement) else recipe
    order = epoch_order(len(training), recipe.seed, recipe.epochs)[:NORM_IMAGES].to(memory.mirrored.device)
    # Equal parts, since each counts as much as the others in what is measured.
    for number, chosen in enumerate(order.tensor_split(math.ceil(len(order) / NORM_BATCH))):
        torch.manual_seed(derive_seed(recipe.seed, "norms", number))
        pixels, _ = see(training, chosen, flips(memory.mirrored[chosen], recipe), strength, classes)
        yield pixels.contiguous(memory_format=torch.channels_last)


def build_network(recipe: Recipe, data: Dataset) -> Network:
    """The recipe's network for this data before the first step.

    Either untrained, with normalisation taken from training pixels, or with the layers of `recipe.start_from`.
    Raises InvalidArgument where it cannot see images of the recipe's `start_size`.
    """
    network = build(
        recipe.architecture,
        num_classes=len(data.labels),
        in_channels=data.train.pixels.shape[1],
        image_size=recipe.image_size,
        options=recipe.options,
    )
    if recipe.start_from:
        take_over(network, recipe, data.labels)
    else:
        network.fit_statistics(data.train.pixels[:STATISTICS_IMAGES])
    if recipe.start_size is not None:
        smallest = torch.zeros(2, data.train.pixels.shape[1], recipe.start_size, recipe.start_size, dtype=torch.uint8)
        try:
            network.eval()(smallest)
        except RuntimeError as error:
            raise InvalidArgument(
                f"{recipe.architecture} cannot see images of start_size={recipe.start_size} pixels: {error}. "
                "Start with larger ones."
            ) from error
    return network


def loss_function(logits: Tensor, targets: Tensor, recipe: Recipe, taught: Tensor | None = None) -> Tensor:
    """Mean loss over the batch: logits, target probabilities and the teachers' logits are all (N, classes)."""
    if recipe.loss == "mse":
        loss = (logits.softmax(dim=1) - targets).square().sum(dim=1).mean()
    else:
        loss = F.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
    if taught is None:
        return loss
    return torch.lerp(loss, distillation_loss(logits, taught, recipe.teacher_temperature), recipe.teacher_share)


def difficulty(logits: Tensor, targets: Tensor) -> Tensor:
    """How far each image's answer is from its target, (N,): the cross-entropy, less that of a perfect answer."""
    perfect: Tensor = torch.special.entr(targets).sum(dim=1)
    return F.cross_entropy(logits, targets, reduction="none") - perfect


@torch.no_grad()
def evaluate_split(network: Network, split: Split, recipe: Recipe, device: torch.device) -> tuple[float, float]:
    """(accuracy 0…1, mean cross-entropy) of a split, one view of each image."""
    network.eval()
    correct, loss = 0, 0.0
    for pixels, labels in zip(split.pixels.split(500), split.labels.split(500), strict=True):
        with autocast(recipe, device):
            logits = network(pixels.to(device, memory_format=torch.channels_last)).float().cpu()
        correct += int((logits.argmax(dim=1) == labels).sum())
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
    return correct / len(split), loss / len(split)


def learning_rate_factor(recipe: Recipe, step: int, total_steps: int) -> float:
    """The learning rate of a step as a share of its peak: a linear rise over the warm-up, then the schedule."""
    warmup_steps = recipe.warmup * total_steps
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    remaining = 1 - (step - warmup_steps) / (total_steps - warmup_steps)
    match recipe.schedule:
        case "linear":
            return remaining
        case "cosine":
            return (1 - math.cos(math.pi * remaining)) / 2
        case "constant":
            return 1.0


def training_size(recipe: Recipe, epoch: int) -> int:
    """The side of the training images in an epoch, in pixels: from `start_size` up to `image_size` in steps of 4."""
    growing = recipe.growth * recipe.epochs
    if recipe.start_size is None or epoch >= growing:
        return recipe.image_size
    size = recipe.start_size + (recipe.image_size - recipe.start_size) * epoch / growing
    return min(recipe.image_size, recipe.start_size + int(size - recipe.start_size) // 4 * 4)


def derive_seed(seed: int, purpose: str, number: int = 0) -> int:
    """An independent seed for each purpose and step of a run."""
    words = np.random.SeedSequence([seed, number, *purpose.encode()]).generate_state(2)
    return int(words[0]) << 31 | int(words[1]) >> 1


@functools.lru_cache(maxsize=1)
def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """A permutation of the training images for an epoch; kept, as every step of the epoch asks for it."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(derive_seed(seed, "order", epoch)))


def mirror_coins(count: int, recipe: Recipe) -> Tensor:
    """One coin for each image, kept through the run: which half the alternating flip starts with."""
    generator = torch.Generator().manual_seed(derive_seed(recipe.seed, "mirror"))
    return torch.rand(count, generator=generator) < 0.5


def flips(mirrored: Tensor, recipe: Recipe) -> Tensor:
    """Which images of a batch to mirror. Alternating: each image every other time that it is seen (Jordan 2024)."""
    if recipe.flip == "alternating":
        return mirrored
    return torch.rand(len(mirrored), device=mirrored.device) < 0.5
