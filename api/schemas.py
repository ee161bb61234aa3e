"""What goes in and out: checked by Pydantic where it comes in, and described in the OpenAPI document (openapi.py)."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError, WithJsonSchema

from thumbnet.model import InvalidArgument

PROBLEM_JSON = "application/problem+json"

Schema = TypeVar("Schema", bound=BaseModel)


class Brief(reprlib.Repr):
    """Shows what was received without repeating a body of megabytes, or what is in a file."""

    def repr_bytes(self, received: bytes, _: int) -> str:
        """The bytes of a file."""
        return f"{len(received):,} bytes"

    def repr_dict(self, received: dict[Any, Any], level: int) -> str:
        """An object in its order: to sort it, as reprlib does, would take long where it is large."""
        return super().repr_dict(dict(islice(received.items(), self.maxdict + 1)), level)


SHORT = Brief()
SHORT.maxstring = SHORT.maxother = 60


class Strict(BaseModel):
    """Refuses names that it does not know: a misspelt parameter must not go unnoticed."""

    model_config = ConfigDict(extra="forbid", strict=True)


def listed(inputs: Any) -> Any:
    """One input is a list of one."""
    if isinstance(inputs, str):
        return [inputs]
    if not isinstance(inputs, list):
        raise ValueError("must be the base64 of an image file, or a list of them")
    return inputs


def single(inputs: Any) -> Any:
    """One input is a list of one, and more are too many."""
    if isinstance(inputs, str) or (isinstance(inputs, list) and [type(each) for each in inputs] == [bytes]):
        return listed(inputs)
    if isinstance(inputs, list) and len(inputs) != 1:
        raise ValueError(f"must be one image; {len(inputs)} were sent")
    raise ValueError("must be the base64 of one image file")


BASE64 = {"type": "string", "contentEncoding": "base64"}
TOP_K = {"type": "integer", "minimum": 1, "examples": [3]}
LABEL = {"type": "string", "examples": ["cat"]}
LOOK_FOR = "What to look for; by default the best class."
TopK = Annotated[int | None, WithJsonSchema(TOP_K)]
Images = Annotated[
    list[bytes | str],
    FailFast(),
    BeforeValidator(listed),
    WithJsonSchema({"anyOf": [BASE64, {"type": "array", "minItems": 1, "items": BASE64}]}),
]
OneImage = Annotated[list[bytes | str], BeforeValidator(single), WithJsonSchema(BASE64)]


class NoQuery(BaseModel):
    """The query of an endpoint that takes its parameters in the body alone."""

    model_config = ConfigDict(extra="forbid")


class ModelQuery(BaseModel):
    """The query parameter of every endpoint that has a default model."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str | None, WithJsonSchema({"type": "string", "examples": ["cifar10"]})] = Field(
        default_factory=lambda: None,  # a plain default would be documented, as null
        description="Which model answers; see `/v1/models`. By default the first of them.",
    )


class PredictQuery(ModelQuery):
    """The query parameters of `/v1/predict`."""

    top_k: TopK = Field(
        default_factory=lambda: None, description="How many classes to return, best first; all by default."
    )


class ExplainQuery(ModelQuery):
    """The query parameters of `/v1/explain`."""

    label: Annotated[str | None, WithJsonSchema(LABEL)] = Field(default_factory=lambda: None, description=LOOK_FOR)


class Parameters(Strict):
    """How to answer; the same may be said in the query."""

    top_k: int | None = Field(default=None, ge=1, description="How many classes to return, best first; all by default.")


class Body(Strict):
    """Images and parameters. Whatever kind of body came, it ends as one of these."""

    inputs: Images = Field(
        min_length=1,
        description="Image files as base64, also as `data:` URL; one, or a list. Other URLs are refused.",
    )


class PredictBody(Body):
    """Images in JSON."""

    parameters: Parameters = Field(default_factory=Parameters)


class ExplainParameters(Strict):
    """What to explain; the same may be said in the query."""

    label: str | None = Field(default=None, description=LOOK_FOR)


class ExplainBody(Body):
    """An image in JSON."""

    inputs: OneImage = Field(description="An image file as base64.")
    parameters: ExplainParameters = Field(default_factory=ExplainParameters)


class TransformersParameters(Parameters):
    """The parameters of Hugging Face's task."""

    top_k: int | None = Field(default=None, ge=1, description="How many classes to return, best first; 5 by default.")
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = Field(
        default=None, description="From the logits, divided by the temperature, to the scores; softmax by default."
    )


class TransformersBody(Body):
    """Hugging Face's `ImageClassificationInput`."""

    inputs: OneImage = Field(description="An image file as base64.")
    parameters: TransformersParameters = Field(default_factory=TransformersParameters)


class Score(BaseModel):
    """A class and its probability."""

    label: str
    probability: float = Field(ge=0, le=1)


class Prediction(BaseModel):
    """The answer for one image."""

    label: str = Field(description="The best class.")
    probability: float = Field(ge=0, le=1, description="Its probability, temperature-scaled.")
    abstained: bool = Field(description="The model is not confident enough: better to say “I don't know”.")
    scores: list[Score] = Field(description="Best first; over all classes their probabilities sum to 1.")
    milliseconds: float = Field(description="Time taken by the model: reading, and a share of the computing.")


class Fault(BaseModel):
    """What is wrong with one image of several, as a `Problem` says it."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class Failure(BaseModel):
    """In the place of a prediction: this image cannot be used, the others were."""

    error: Fault


class ModelReference(BaseModel):
    """Which model answered."""

    name: str
    version: str = Field(description="Names these weights: the beginning of the sha256.")
    sha256: str = Field(description="Of the network that computed the answer, model.onnx.")


class Predictions(BaseModel):
    """The answers, in the order of the images."""

    predictions: list[Prediction | Failure]
    model: ModelReference
    request_id: str


class TransformersScore(BaseModel):
    """Hugging Face's `ImageClassificationOutputElement`."""

    label: str
    score: float


class Preprocessing(BaseModel):
    """What the network sees: a square of this size, 1 (grey) or 3 (RGB) channels."""

    image_size: int
    channels: int


class ModelDescription(ModelReference):
    """A model, as its config.json describes it."""

    architecture: str
    labels: list[str]
    preprocessing: Preprocessing
    temperature: float = Field(description="Divides the logits before the softmax.")
    abstention_score: str = Field(description="How confidence is measured: max_probability, max_logit or energy.")
    abstention_threshold: float = Field(description="A prediction less confident than this abstains.")
    files: dict[str, str] = Field(description="sha256 of the files of the weights folder.")


class ModelList(BaseModel):
    """The models that are served. The first answers where a request names none."""

    models: list[ModelDescription]


class Health(BaseModel):
    """A server that is well."""

    status: Literal["alive", "ready"]


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="The `code` as a URI.")
    title: str = Field(description="The name of the status.")
    status: int
    detail: str = Field(description="What was received, what is allowed, what to do.")
    code: str = Field(description="What went wrong, for programs.")
    request_id: str
    error: str = Field(description="The same as `detail`, for clients that look here.")


def checked(schema: type[Schema], values: Any) -> Schema:
    """Values of JSON as what a schema describes. Raises InvalidArgument that says what is wrong with them."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise InvalidArgument(explain_validation(error)) from error


def explain_validation(error: ValidationError, most: int = 3) -> str:
    """The first things that are wrong."""
    issues: list[Mapping[str, Any]] = [*error.errors(include_url=False, include_context=False)]
    return " ".join(
        f"{'.'.join(str(part)[:60] for part in issue['loc']) or 'body'}: {issue['msg'].removeprefix('Value error, ')}; "
        f"received {SHORT.repr(issue['input'])}."
        for issue in issues[:most]
    )
