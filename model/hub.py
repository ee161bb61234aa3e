"""Models of the Hugging Face Hub: download one, whole, or say in words why that could not be done."""

from __future__ import annotations

from pathlib import Path

from .errors import WeightsError, WeightsNotFound
from .weights import CARD, CONFIG, HASHED, read_config, verify_files

ANSWER_SECONDS = 10.0
"""How long the Hub may take to name a commit; within a download its library has limits of its own."""


def pull(repository: str, revision: str | None) -> Path:
    """The folder of a repository ("owner/name") in the cache of the Hub's library, downloaded where it is not yet.

    revision   branch, tag or commit; None is the default branch

    What was damaged in the cache is downloaded once more. Where the Hub cannot be asked, what is in the cache is taken.
    Raises WeightsNotFound.
    """
    folder = _download(repository, revision)
    try:
        verify_files(folder, read_config(folder))
    except WeightsError:  # if it is still not whole, whoever loads it says so
        folder = _download(repository, revision, again=True)
    return folder


def _download(repository: str, revision: str | None, *, again: bool = False) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    files = [CONFIG, *HASHED, CARD]
    try:
        # Asked first, as the download would wait without end for a Hub that does not answer.
        HfApi().model_info(repository, revision=revision, timeout=ANSWER_SECONDS)
        return Path(snapshot_download(repository, revision=revision, allow_patterns=files, force_download=again))
    except Exception as error:  # noqa: BLE001 (what a library makes of anything that a server, or none, may answer)
        try:
            kept = Path(snapshot_download(repository, revision=revision, allow_patterns=files, local_files_only=True))
            verify_files(kept, read_config(kept))
        except Exception:  # noqa: BLE001
            raise WeightsNotFound(
                f"there is no folder {repository}, and the Hub repository of that name could not be read: "
                f"{_reason(error, repository, revision)}"
            ) from error
        return kept


def _reason(error: Exception, repository: str, revision: str | None) -> str:
    """What went wrong and what to do, in a line."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    match error:
        case GatedRepoError():
            return f"its owner grants access; ask for it on the page of {repository}, then run: hf auth login"
        case RepositoryNotFoundError():
            return "the Hub has none, or it is private; for a private one run hf auth login, or set HF_TOKEN."
        case RevisionNotFoundError():
            return f"it has no revision {revision!r}; give a branch, a tag or a commit of it."
        case _:
            said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
            return f"{type(error).__name__}: {said}" if said else type(error).__name__
