"""What a process on Linux may see and use: its namespaces and its cgroup's limits.

.venv/bin/python docs/course/day6/limits.py
"""

from __future__ import annotations

from pathlib import Path

from thumbnet.api.server import available_processors


# --8<-- [start:namespaces]
def namespaces(process: str = "self") -> dict[str, str]:
    """Kind → number of the namespace that a process lives in. Two processes with the same number see the same."""
    folder = Path("/proc") / process / "ns"
    return {path.name: str(path.readlink()).partition("[")[2].rstrip("]") for path in sorted(folder.iterdir())}


# --8<-- [end:namespaces]


# --8<-- [start:memory]
def memory_limit(memory_max: Path = Path("/sys/fs/cgroup/memory.max")) -> int | None:
    """Bytes that the container may use; None where there is no limit, or no cgroup of the second version."""
    try:
        return int(memory_max.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None


# --8<-- [end:memory]


def main() -> None:
    """Print what this process has."""
    for kind, number in namespaces().items():
        print(f"{kind:20} {number}")
    print(f"processors: {available_processors()}")
    print(f"memory: {memory_limit() or 'no limit found'}")


if __name__ == "__main__":
    main()
