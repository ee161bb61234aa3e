import re
from collections.abc import Iterator
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from thumbnet.api.schemas import (
    MODEL_EXAMPLE,
    PREDICTIONS_EXAMPLE,
    PROBLEM_EXAMPLE,
    ModelDescription,
    Predictions,
    Problem,
)

JSON = "application/json"


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    received: dict[str, Any] = answer.json
    return received


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def test_the_document_lists_every_route(app: APIFlask, document: dict[str, Any]) -> None:
    routes = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint != "openapi.spec"}
    assert document["openapi"].startswith("3.1.")
    assert set(document["paths"]) == routes == {"/v1/predict", "/v1/model", "/livez", "/readyz"}


def test_every_operation_has_a_summary_an_example_and_described_answers(document: dict[str, Any]) -> None:
    for operation in operations(document):
        assert operation["summary"]
        assert operation["responses"]["200"]["content"][JSON]["example"]
        assert all(answer["description"] for answer in operation["responses"].values())


def test_every_error_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    answers = document["paths"]["/v1/predict"]["post"]["responses"]
    assert set(answers) == {"200", "400", "413", "415", "422", "503"}
    for operation in operations(document):
        for status, answer in operation["responses"].items():
            if status != "200":
                assert answer["content"] == {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(document)))
    assert references
    assert references <= set(document["components"]["schemas"])


def test_the_body_and_the_parameter_of_a_prediction_are_documented(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/predict"]["post"]
    assert set(operation["requestBody"]["content"]) == {"image/*", "application/octet-stream", "multipart/form-data"}
    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("top_k", "query", False)
    assert parameter["schema"]["type"] == "integer"
    assert "default" not in parameter["schema"]


def test_the_examples_are_valid() -> None:
    assert Predictions.model_validate(PREDICTIONS_EXAMPLE).model_dump() == PREDICTIONS_EXAMPLE
    assert ModelDescription.model_validate(MODEL_EXAMPLE).model_dump() == MODEL_EXAMPLE
    assert Problem.model_validate(PROBLEM_EXAMPLE).model_dump() == PROBLEM_EXAMPLE


def test_the_document_does_not_depend_on_who_asks(app: APIFlask) -> None:
    first = app.test_client().get("/openapi.json", headers={"Host": "evil.example"})
    assert "evil.example" not in first.get_data(as_text=True)


def test_nothing_is_loaded_from_the_network(client: FlaskClient) -> None:
    assert client.get("/docs").status_code == 404
