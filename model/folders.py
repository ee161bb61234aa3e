"""Folders of images: what lies in them, before any image is opened.

    root/class/001.jpg …                          thumbnet cuts the splits
    root/{train,val,test}/class/001.jpg …         splits of their own; thumbnet cuts what is missing from train

Hidden files and folders, and what archive programs leave behind, are passed over.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .encoded import SUFFIXES
from .errors import DatasetError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
SPLIT_FOLDERS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""Names of folders, in any case → the splits they hold."""
LEFT_BEHIND = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The image files of a folder, listed but not read.

    labels        names of the classes, sorted; positions in this tuple are what a network learns
    files         paths relative to the root, split after split, sorted within
    positions     the class of each file
    counts        how many of the files belong to each split; a split that is not a key has to be cut from train
    other_files   suffix → number of files in class folders that are no images
    ignored       sub-folders of the root that are neither a class nor a split, or hold no image
    fingerprint   changes with any path, size or time of modification
    """

    root: Path
    labels: tuple[str, ...]
    files: tuple[str, ...]
    positions: tuple[int, ...]
    counts: Mapping[str, int]
    other_files: Mapping[str, int]
    ignored: tuple[str, ...]
    fingerprint: str

    @property
    def name(self) -> str:
        """What the folder is called, wherever it was named from."""
        return self.root.resolve().name or "images"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was noticed in a folder of images and should be known before training on it.

    unreadable    files that were left out, each as "file: reason"
    other_files   suffix → number of files in class folders that are no images
    ignored       sub-folders that are neither a class nor a split, or hold no image
    cut           splits that the folder did not bring
    left_out      copies of test or validation images, left out of the splits before, each as "file is file"
    ambiguous     the same image in two classes, each as "file is file"
    copies        further images that are an exact copy of another in the same split
    incomplete    classes with too few images for every split, each as what is missing
    """

    unreadable: tuple[str, ...] = ()
    other_files: Mapping[str, int] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    copies: int = 0
    incomplete: tuple[str, ...] = ()


def list_folder(root: Path) -> ImageFolder:
    """List the images of a folder of classes. Raises DatasetError for a folder that nothing can be learned from."""
    if not root.is_dir():
        found = "that is a file; unpack an archive first, and" if root.exists() else "there is none;"
        raise DatasetError(f"no folder {root}: {found} give a folder with one sub-folder of images for each class.")
    try:
        str(root.resolve()).encode()
        return _list_folder(root)
    except UnicodeEncodeError as error:
        raise DatasetError(f"the path {shown(str(root))} is not UTF-8 text; rename its folders.") from error
    except OSError as error:
        raise DatasetError(
            f"cannot list {error.filename or root}: {error.strerror}. Mend that, or move it out of the folder."
        ) from error


def is_plain(text: str) -> bool:
    """Whether a name can be written anywhere: in a line, without control characters and halves of letters."""
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)


def shown(text: str) -> str:
    """A file name as it can be printed: what is no character, or moves the cursor, becomes a question mark."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def some(names: Sequence[str]) -> str:
    """Names in a sentence: the first ten, and how many more there are."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")


def _list_folder(root: Path) -> ImageFolder:
    folders = _split_folders(root)
    others: Counter[str] = Counter()
    digest = hashlib.sha256()
    labels, ignored = _classes(folders[TRAIN])
    if len(labels) < 2:
        raise DatasetError(f"{folders[TRAIN]} has {_what_is_missing(folders[TRAIN], labels)}")
    files: list[str] = []
    positions: list[int] = []
    counts: dict[str, int] = {}
    for split, folder in folders.items():
        if folder != folders[TRAIN]:
            _require_same_classes(folder, _classes(folder)[0], folders[TRAIN], labels)
        for position, label in enumerate(labels):
            for entry in _files(folder / label):
                if (suffix := _suffix(entry)) not in SUFFIXES:
                    others[shown(suffix) or "no suffix"] += 1
                    continue
                files.append(os.path.relpath(entry.path, root))
                positions.append(position)
                digest.update(os.fsencode(f"{files[-1]}\0{_state(entry)}\n"))
        counts[split] = len(files) - sum(counts.values())
    if folders[TRAIN] != root:
        ignored += tuple(shown(path.name) for path in _sub_folders(root) if path not in folders.values())
    return ImageFolder(root, labels, tuple(files), tuple(positions), counts, dict(others), ignored, digest.hexdigest())


def _split_folders(root: Path) -> dict[str, Path]:
    """Split → its folder; without splits of its own, the root is all training split."""
    found: dict[str, Path] = {}
    for path in _sub_folders(root):
        split = SPLIT_FOLDERS.get(path.name.lower())
        if split is None or not any(_holds_images(child) for child in _sub_folders(path)):
            continue
        if split in found:
            raise DatasetError(f"{root} has both {found[split].name} and {path.name} for {split}; keep one of them.")
        found[split] = path
    if not found:
        return {TRAIN: root}
    if TRAIN not in found:
        names = ", ".join(path.name for path in found.values())
        raise DatasetError(f"{root} has {names} but no train; put the images to learn from in {root / 'train'}.")
    return {split: found[split] for split in SPLITS if split in found}


def _classes(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the sub-folders with images, those without)."""
    with_images: list[str] = []
    without: list[str] = []
    for path in _sub_folders(folder):
        if _holds_images(path) and not folder.resolve().is_relative_to(path.resolve()):  # a link back is no class
            with_images.append(path.name)
        else:
            without.append(shown(path.name))
    for name in with_images:
        if not is_plain(name):
            raise DatasetError(f"the name of the class folder {name!r} is not plain UTF-8 text; rename it.")
    return tuple(with_images), tuple(without)


def _what_is_missing(folder: Path, labels: tuple[str, ...]) -> str:
    """What a folder has instead of two classes, and what to do."""
    if not labels:
        loose = any(_suffix(entry) in SUFFIXES for entry in _entries(folder))
        found = "images, but in no class" if loose else "no sub-folders with images"
        return f"{found}; put the images of each class into a sub-folder named after it."
    (name,) = labels
    message = f"one class, {name!r}; at least 2 are needed, each a sub-folder named after the class."
    deeper = [path for path in _sub_folders(folder / name) if _holds_images(path)]
    return f"{message} Did you mean {folder / name}?" if len(deeper) > 1 else message


def _require_same_classes(folder: Path, found: tuple[str, ...], training: Path, labels: tuple[str, ...]) -> None:
    for names, here, there in (
        (sorted(set(found) - set(labels)), folder, training),
        (sorted(set(labels) - set(found)), training, folder),
    ):
        if names:
            raise DatasetError(
                f"{here} has images of classes that {there} does not have: {some(names)}. "
                "Every split needs every class."
            )


def _sub_folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if _leads_to_folder(entry)]


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Files at any depth, sorted; links to folders are not followed, so that there is an end to it."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif not _leads_to_folder(entry) and (entry.is_symlink() or entry.is_file()):  # a link is seen when it is read
            yield entry


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, sorted, without what is hidden or was left behind."""
    with os.scandir(folder) as entries:
        wanted = [entry for entry in entries if not entry.name.startswith(".") and entry.name not in LEFT_BEHIND]
    return sorted(wanted, key=lambda entry: entry.name)


def _holds_images(folder: Path) -> bool:
    return any(_suffix(entry) in SUFFIXES for entry in _files(folder))


def _state(entry: os.DirEntry[str]) -> str:
    """Changes with a file's content, as far as its size and times tell, and with who may read it."""
    try:
        state = entry.stat()
    except OSError as error:  # a link that leads nowhere
        return str(error.strerror)
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"


def _suffix(entry: os.DirEntry[str]) -> str:
    return os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 (a million times)
