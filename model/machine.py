"""What the machine at hand makes of training: number formats and settings of the whole process."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import Any

import torch

from . import parallel
from .recipe import Recipe


def prepare_machine() -> None:
    """Settings of the whole process that make it faster, and no less exact where that matters."""
    torch.set_flush_denormal(True)  # denormal numbers cost 5–50 times the time of others
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True  # for Muon, which takes most products that are not in bf16
    torch.backends.cudnn.allow_tf32 = False  # for the whitening convolution, which enlarges small differences
    if sys.platform == "linux":  # reuse freed tensors: the page faults of fresh ones cost about a seventh of the time
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            trim_threshold, top_pad, mmap_max = -1, -2, -4
            mallopt(mmap_max, 0)
            mallopt(trim_threshold, -1)  # never
            mallopt(top_pad, 2**28)


def machine_facts(recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """What a training computes on and with, as plain values. Threads are those of one process."""
    return {
        "device": device.type,
        **({"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}),
        "precision": "bf16" if uses_bf16(recipe, device) else "fp32",
        "processes": parallel.size(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    """Compute in bf16 inside, where the recipe and the device say so."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=uses_bf16(recipe, device))


def uses_bf16(recipe: Recipe, device: torch.device) -> bool:
    """Whether the recipe asks for bf16, or says "auto" and the device computes bf16 natively.

    On processors without AMX or AVX-512 BF16 a bf16 convolution can be 25 times slower than in fp32.
    """
    if recipe.precision != "auto":
        return recipe.precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
