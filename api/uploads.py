"""A request → its images and parameters, and the limits on the way."""

from __future__ import annotations

import base64
import io
from typing import IO, Any, TypeVar

import orjson
from flask import Request, current_app, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from thumbnet.model import InvalidArgument
from thumbnet.model.encoded import MAX_BYTES
from thumbnet.model.errors import ImageTooLarge

from .schemas import Body, checked

FIELD = "image"
FORM, JSON, OCTETS = "multipart/form-data", "application/json", "application/octet-stream"
MOST_VALUES = 10_000
"""In the JSON of a request. Brackets, braces and commas cost memory many times their own bytes."""
MOST_LISTS = 150_000
"""Where more values are allowed: lists and objects take longer than numbers, and hold up other requests meanwhile."""

Received = TypeVar("Received", bound=Body)


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

    def make_form_data_parser(self) -> FormDataParser:
        """Werkzeug's, but a broken form raises ValueError instead of being empty."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser


def receive(schema: type[Received]) -> Received:
    """The images and parameters of the current request, 1 … MAX_IMAGES, not yet decoded.

    Raises UnsupportedMediaType, BadRequest or InvalidArgument where there is none, RequestEntityTooLarge where there is
    too much.
    """
    check_encoding()
    kind = request.mimetype
    if kind == FORM:
        received = checked(schema, {"inputs": read_form()})
    elif kind == JSON:
        received = checked(schema, read_json(read_body()))
    elif not kind or kind.startswith("image/") or kind == OCTETS:
        received = checked(schema, {"inputs": [read_body()]})
    else:
        raise UnsupportedMediaType(
            f"received {kind}; send the bytes of an image with image/* or {OCTETS}, images in fields named {FIELD!r} "
            f"of {FORM}, or base64 in {JSON}."
        )
    if len(received.inputs) > (most := current_app.config["MAX_IMAGES"]):
        raise RequestEntityTooLarge(
            f"received {len(received.inputs)} images; at most {most} are allowed. Send several requests."
        )
    return received


def check_encoding() -> None:
    """Raise UnsupportedMediaType where the body is compressed: what comes out of it could be of any size."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(f"received a body encoded with {encoding[:60]!r}; send it as it is.")


def read_body() -> bytes:
    """The whole body. Raises RequestEntityTooLarge."""
    limit = current_app.config["MAX_CONTENT_LENGTH"]
    if (length := request.content_length) is not None and length > limit:
        raise RequestEntityTooLarge(f"the body has {length:,} bytes; at most {limit:,} are allowed. Send less at once.")
    request.max_content_length = limit + 1  # a chunked body is cut there without a word
    body = request.get_data(cache=False)
    if len(body) > limit:
        raise RequestEntityTooLarge(f"the body has more than {limit:,} bytes, which is the limit. Send less at once.")
    return body


def read_json(body: bytes, most_values: int = MOST_VALUES) -> Any:
    """Parse JSON, strictly: no NaN, no depth over 1024, no text that is not UTF-8. Raises BadRequest."""
    if (values := sum(map(body.count, (b",", b"[", b"{")))) > most_values:
        raise BadRequest(f"the JSON has {values:,} commas and brackets; at most {most_values:,} are allowed.")
    if (lists := body.count(b"[") + body.count(b"{")) > MOST_LISTS:
        raise BadRequest(f"the JSON has {lists:,} lists and objects; at most {MOST_LISTS:,} are allowed. Nest less.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}.") from error


def read_form() -> list[bytes]:
    """The images of a form. Raises BadRequest or RequestEntityTooLarge."""
    try:
        images = request.files.getlist(FIELD)
    except RequestEntityTooLarge as error:
        most, limit = current_app.config["MAX_IMAGES"], current_app.config["MAX_CONTENT_LENGTH"]
        raise RequestEntityTooLarge(
            f"a form may have {most} images and {limit:,} bytes in all, and this one has more. Send several requests."
        ) from error
    except ValueError as error:
        raise BadRequest(f"the form cannot be read: {error}. Let an HTTP library write it.") from error
    if not images:
        names = ", ".join(sorted(map(str, {*request.files, *request.form})))[:200] or "none"
        raise BadRequest(
            f"found no image in the form; received fields: {names}. Send each image as a file, with a file name, "
            f"in a field named {FIELD!r}."
        )
    return [image.read() for image in images]


def image_bytes(image: bytes | str) -> bytes:
    """The bytes of an image, out of their base64 where they came so. Raises InvalidArgument or ImageTooLarge."""
    if isinstance(image, bytes):
        return image
    head, comma, text = image.partition(",") if image.startswith("data:") else ("", "", image)
    if head and not (comma and head.endswith(";base64")):
        raise InvalidArgument(f"inputs: received {head[:60]!r}; a data: URL must be data:image/…;base64,….")
    if "://" in text[:32]:
        raise InvalidArgument(
            f"inputs: received the URL {text[:60]!r}; nothing is fetched here, send the image itself."
        )
    if len(text) > 4 * MAX_BYTES // 3 + 4:
        raise ImageTooLarge(f"received an image of more than {MAX_BYTES:,} bytes, which is the limit. Make it smaller.")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidArgument(
            f"inputs: received {text[:60]!r}, which is not base64 ({error}); encode the bytes of an image file, "
            "without line breaks."
        ) from error
