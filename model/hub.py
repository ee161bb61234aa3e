"""Models of the Hugging Face Hub: download one, whole, or say in words why that could not be done."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable
from pathlib import Path

from .errors import WeightsCorrupt, WeightsError, WeightsNotFound
from .files import sha256
from .weights import CARD, CONFIG, HASHED, read_config, verify_files

ANSWER_SECONDS = 10.0
"""How long the Hub may take to name a commit; for files its library has limits of its own."""
COMMIT = re.compile(r"[0-9a-f]{40}")


def pull(repository: str, revision: str | None) -> Path:
    """The folder of a repository ("owner/name") in the cache of the Hub's library, downloaded where it is not yet.

    revision   branch, tag or commit; None is the default branch

    A commit that is in the cache is not asked for. Where the Hub cannot be asked, what is in the cache is taken.
    Raises WeightsNotFound, and WeightsCorrupt for a repository that holds something else.
    """
    kept = _kept(repository, revision)
    if kept and COMMIT.fullmatch(revision or ""):
        return kept
    try:
        return _download(repository, revision, kept)
    except WeightsError:
        raise
    except Exception as error:  # what a library makes of anything that a server, or none, may answer
        if kept:
            return kept
        no_folder = "" if revision else f"there is no folder {repository}, and "
        raise WeightsNotFound(
            f"{no_folder}the Hub repository {repository} could not be read: {_reason(error, repository, revision)}"
        ) from error


def _kept(repository: str, revision: str | None) -> Path | None:
    """The folder of a repository in the cache, where it is whole."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repository, revision=revision, local_files_only=True))
        verify_files(folder, read_config(folder))
    except Exception:  # noqa: BLE001 (whatever is wrong with it, it cannot be used)
        return None
    return folder


def _download(repository: str, revision: str | None, kept: Path | None) -> Path:
    """Fetch what is missing or damaged. A name such as "main" stands for the new commit only once that is whole."""
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    commit = HfApi().model_info(repository, revision=revision, timeout=ANSWER_SECONDS).sha
    if kept and kept.name == commit:  # nothing has changed since
        return kept
    fetch: Callable[..., str] = functools.partial(hf_hub_download, repository, revision=commit)
    folder = Path(fetch(CONFIG)).parent
    try:
        config = read_config(folder)
    except WeightsCorrupt:
        fetch(CONFIG, force_download=True)
        config = read_config(folder)
    for name in HASHED:
        if name in config.files and sha256(Path(fetch(name))) != config.files[name]:
            fetch(name, force_download=True)  # if it is still another one, whoever uses it says so
    with contextlib.suppress(EntryNotFoundError):
        fetch(CARD)
    if revision != commit:
        hf_hub_download(repository, CONFIG, revision=revision)
    return folder


def _reason(error: Exception, repository: str, revision: str | None) -> str:
    """What went wrong and what to do, in a line."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    match error:
        case GatedRepoError():
            return f"its owner grants access; ask for it on the page of {repository}, then run: hf auth login"
        case RepositoryNotFoundError():
            return "there is none, or it is private; for a private one run hf auth login, or set HF_TOKEN."
        case RevisionNotFoundError():
            return f"it has no revision {revision!r}; give a branch, a tag or a commit of it."
        case EntryNotFoundError():
            return f"it has not all the files of a weights folder ({', '.join((CONFIG, *HASHED))})."
        case _:
            said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
            return f"{type(error).__name__}: {said}" if said else type(error).__name__
