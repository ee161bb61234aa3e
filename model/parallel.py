"""Several processes that train one network, each on its share of every batch.

`torchrun --nproc-per-node 2 -m thumbnet train …` starts them, on one machine or several. In a process that was started
in any other way there is a group of one, and nothing here does anything.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@contextlib.contextmanager
def join_processes() -> Iterator[torch.device]:
    """Join the group that torchrun started, if it did, and give the device of this process; leave the group at the end.

    GPUs talk through nccl, processors through gloo.
    """
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if gpu else torch.device("cpu")
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield device
        return
    if gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if gpu else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """The position of this process in its group, 0 … size - 1."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that prints, measures and writes files."""
    return rank() == 0


def share(network: nn.Module) -> nn.Module:
    """The network as all processes train it: gradients are averaged at each step, buffers are those of the first."""
    return DistributedDataParallel(network) if size() > 1 else network


def collect(values: Tensor, count: int) -> Tensor:
    """The values of all images of a batch, (count,), where each process has those of every size()-th image."""
    if size() == 1:
        return values
    whole = torch.zeros(count, dtype=values.dtype, device=values.device)
    whole[rank() :: size()] = values
    dist.all_reduce(whole)
    return whole


def mean(*values: float, device: torch.device) -> tuple[float, ...]:
    """The mean of each value over all processes; every process gets the same."""
    if size() == 1:
        return values
    total: Tensor = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(total)
    return tuple((total / size()).tolist())
