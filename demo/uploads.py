"""What visitors send: files, and nothing but files."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import gradio as gr
from gradio.utils import get_upload_folder

from thumbnet.model import ThumbnetError

from .pictures import EXAMPLES

Upload = dict[str, Any] | None
"""What Gradio knows of an uploaded file; its "path" holds the bytes as they were sent."""

FileInput = TypeVar("FileInput", gr.Image, gr.File)


def files_only(component: FileInput) -> FileInput:
    """Make a component refuse an address in place of a file, with gr.Error: Gradio would fetch it.

    The address of a file that was uploaded here stands for that file, whatever its host: so assistants name it.
    """
    keep = component.async_move_resource_to_block_cache

    async def keep_file(url_or_file_path: str | Path | None) -> str | None:
        if isinstance(url_or_file_path, str) and url_or_file_path.lower().startswith(("http:", "https:")):
            uploaded = Path(unquote(url_or_file_path.partition("/gradio_api/file=")[2]))
            if not is_uploaded(uploaded):
                message = "received an address; nothing is fetched here, send the image file itself."
                raise gr.Error(message, print_exception=False)
            url_or_file_path = uploaded
        return await keep(url_or_file_path)

    component.async_move_resource_to_block_cache = keep_file  # type: ignore[method-assign]
    return component


def is_uploaded(file: Path) -> bool:
    """Whether a path is that of a file which a visitor has sent."""
    try:
        return file.is_file() and file.resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError):  # no path at all
        return False


def name_of(upload: object) -> str:
    """What the visitor calls a file."""
    names = (upload.get("orig_name"), Path(str(upload.get("path"))).name) if isinstance(upload, dict) else ()
    return str(next(filter(None, names), "no file"))


def read_upload(upload: object) -> bytes:
    """The very bytes that were uploaded. Raises ThumbnetError with a message for the visitor.

    A visitor may name any path, and Gradio looks only at those that are marked as files: nothing is read but
    what was uploaded, and our own examples.
    """
    path = upload.get("path") if isinstance(upload, dict) else None
    if isinstance(path, str):
        uploads = Path(get_upload_folder()).resolve()
        with contextlib.suppress(OSError, ValueError):  # no path at all
            file = Path(path).resolve()
            if file.is_relative_to(uploads) and not file.exists():
                raise ThumbnetError("the picture is no longer here, as none is kept for long; choose it again.")
            if is_uploaded(file) or (file.is_file() and file.is_relative_to(EXAMPLES.resolve())):
                return file.read_bytes()
    raise ThumbnetError("no picture was received; send an image file.")
