"""Fetch ONNX Runtime Web for the static page from the npm registry, and check that what is committed is that.

    python docs/vendor.py VERSION     fetch a version into demo/web/vendor and note its origin
    python docs/vendor.py --check     fetch the noted version again; exit code 1 where a file differs

Needs npm. `npm pack` itself checks the package against the registry's sha512.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "demo" / "web" / "vendor"
ORIGIN = VENDOR / "origin.json"
PACKAGE = "onnxruntime-web"
SCRIPT, BINARY = "package/dist/ort.wasm.bundle.min.mjs", "package/dist/ort-wasm-simd-threaded.wasm"
SOURCE_MAP = re.compile(rb"^//# sourceMappingURL=.*\n?", re.MULTILINE)


def fetch(version: str) -> dict[str, bytes]:
    """File name in demo/web/vendor → bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{PACKAGE}@{version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # ours
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as package:
            script, binary = (package.extractfile(name) for name in (SCRIPT, BINARY))
            if script is None or binary is None:
                raise SystemExit(f"{PACKAGE} {version} has no {SCRIPT} or {BINARY}")
            return {
                "onnxruntime.js": SOURCE_MAP.sub(b"", script.read()),
                "onnxruntime.wasm.gz": gzip.compress(binary.read(), 9, mtime=0),
            }


def describe(version: str, files: dict[str, bytes]) -> str:
    """What origin.json says; of a compressed file the sha256 of what it holds, as compressors differ."""
    held = {name: gzip.decompress(data) if name.endswith(".gz") else data for name, data in files.items()}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in held.items()}
    return json.dumps({"package": PACKAGE, "version": version, "license": "MIT", "sha256": sums}, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Fetch or check; the exit code."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    if arguments == ["--check"]:
        noted = ORIGIN.read_text(encoding="utf-8")
        version = json.loads(noted)["version"]
        committed = {name: (VENDOR / name).read_bytes() for name in json.loads(noted)["sha256"]}
        same = describe(version, fetch(version)) == noted == describe(version, committed)
        print(f"{PACKAGE} {version}: {'as published' if same else 'DIFFERS from what is published'}")
        return 0 if same else 1
    files = fetch(arguments[0])
    for name, data in files.items():
        (VENDOR / name).write_bytes(data)
    ORIGIN.write_text(describe(arguments[0], files), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
