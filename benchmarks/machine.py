"""What a measurement was made on: a figure means nothing without it."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FLAGS = ("amx_bf16", "amx_int8", "amx_tile", "avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni")
"""Instruction sets that decide how fast a network is computed."""


def use_cores(count: int) -> None:
    """Keep this process and its children on so many cores. Call it before anything starts threads."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < count:
            raise SystemExit(f"{count} cores are wanted, but this process may only use {len(allowed)}")
        os.sched_setaffinity(0, allowed[:count])


def describe_machine(*packages: str) -> dict[str, Any]:
    """Date, processor, cores in use, system, and the versions of Python and of packages, as plain values."""
    cpu = _cpuinfo()
    flags = cpu.get("flags", "").split()
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": cpu.get("model name") or platform.processor() or platform.machine(),
        "family_model_stepping": [cpu.get(key, "") for key in ("cpu family", "model", "stepping")],
        "flags": [flag for flag in FLAGS if flag in flags],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def _cpuinfo() -> dict[str, str]:
    """The first processor of /proc/cpuinfo, or nothing where there is no such file."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").partition("\n\n")[0].splitlines() if path.exists() else []
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
