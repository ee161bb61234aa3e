"""A request → the bytes of its images, and the limits on the way."""

from __future__ import annotations

import io
from typing import IO

from flask import Request, current_app, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from thumbnet.model.errors import ImageTooLarge
from thumbnet.model.images import MAX_BYTES

FIELD = "image"
FORM = "multipart/form-data"


class InMemoryRequest(Request):
    """Keeps uploads in memory, where MAX_CONTENT_LENGTH bounds them: no file system is written to."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return io.BytesIO()


def received_images() -> list[bytes]:
    """The images of the current request, 1 … MAX_IMAGES, not yet decoded.

    Raises UnsupportedMediaType or BadRequest where there is none, RequestEntityTooLarge or ImageTooLarge where there
    is too much.
    """
    if request.mimetype == FORM:
        return read_form()
    if request.mimetype.startswith("image/") or request.mimetype == "application/octet-stream":
        return [read_body()]
    raise UnsupportedMediaType(
        f"received {request.mimetype or 'no Content-Type'}; send the bytes of an image with image/* or "
        f"application/octet-stream, or images in fields named {FIELD!r} of {FORM}."
    )


def read_body() -> bytes:
    """One image as the whole body. Raises ImageTooLarge."""
    limit = min(MAX_BYTES, current_app.config["MAX_CONTENT_LENGTH"])
    if (length := request.content_length) is not None and length > limit:
        raise ImageTooLarge(f"the body has {length:,} bytes; at most {limit:,} are allowed. Make the image smaller.")
    request.max_content_length = limit + 1  # a chunked body is cut there without a word
    body = request.get_data(cache=False)
    if len(body) > limit:
        raise ImageTooLarge(f"the body has more than {limit:,} bytes, which is the limit. Make the image smaller.")
    return body


def read_form() -> list[bytes]:
    """The images of a form. Raises BadRequest or RequestEntityTooLarge."""
    most, limit = current_app.config["MAX_IMAGES"], current_app.config["MAX_CONTENT_LENGTH"]
    try:
        images = request.files.getlist(FIELD)
    except RequestEntityTooLarge as error:
        raise RequestEntityTooLarge(
            f"a form may have {most} images and {limit:,} bytes in all, and this one has more. Send several requests."
        ) from error
    if not images:
        names = ", ".join(sorted({*request.files, *request.form})) or "none"
        raise BadRequest(
            f"found no image in the form; received fields: {names}. Send each image as a file, with a file name, "
            f"in a field named {FIELD!r}."
        )
    if len(images) > most:
        raise RequestEntityTooLarge(
            f"received {len(images)} images; at most {most} are allowed. Send several requests."
        )
    return [image.read() for image in images]
