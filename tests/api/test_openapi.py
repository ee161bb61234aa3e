import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from thumbnet.api import Settings, create_app
from thumbnet.model import Classifier

Operation = dict[str, Any]
JSON = "application/json"
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
BODIES = {"/v1/predict", "/v1/explain", "/models/{name}"}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    received: dict[str, Any] = answer.json
    return received


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def described_in_json(operation: Operation) -> list[dict[str, Any]]:
    """The body and the answer when all is well, where they are JSON."""
    bodies = [operation.get("requestBody", {"content": {}}), operation["responses"]["200"]]
    return [body["content"][JSON] for body in bodies if JSON in body["content"]]


def test_the_document_lists_every_route(app: APIFlask, document: dict[str, Any]) -> None:
    routes = {re.sub(r"<(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    assert document["openapi"].startswith("3.1.")
    assert set(document["paths"]) == routes - {"/openapi.json", "/docs", "/docs/{name}"}


def test_every_operation_has_a_summary_a_tag_an_id_and_described_answers(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in document["tags"]}
    for _, operation in operations(document):
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        assert all(answer["description"] for answer in operation["responses"].values())
        assert all("X-Request-Id" in answer["headers"] for answer in operation["responses"].values())


def test_every_json_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        found = described_in_json(operation)
        assert found or path in ("/metrics", "/v1/explain")
        for content in found:
            schema = content["schema"] | {"components": document["components"]}
            Draft202012Validator.check_schema(schema)
            Draft202012Validator(schema).validate(content["example"])


def test_the_example_of_a_problem_fits_its_schema(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["Problem"]
    Draft202012Validator(schema).validate(schema["examples"][0])


def test_an_example_can_be_sent_as_it_stands(client: FlaskClient, document: dict[str, Any]) -> None:
    sent = 0
    for path, operation in operations(document):
        for kind, content in operation.get("requestBody", {"content": {}})["content"].items():
            if kind == JSON and "{version}" not in path:
                answer = client.post(path.replace("{name}", "cifar10"), json=content["example"])
                assert answer.status_code == 200, path
                sent += 1
    assert sent == 4


def test_every_error_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    assert {"400", "401", "404", "413", "415", "422", "429", "503", "default"} < set(
        document["paths"]["/v1/predict"]["post"]["responses"]
    )
    for _, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status != "200":
                assert answer["content"] == PROBLEM


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(document)))
    assert len(references) > 10
    assert all(name in document["components"][kind] for kind, name in references)


def test_the_bodies_and_the_parameters_are_documented(document: dict[str, Any]) -> None:
    for path in BODIES:
        body = document["paths"][path]["post"]["requestBody"]
        assert body["required"]
        assert set(body["content"]) == {
            "image/*",
            "application/octet-stream",
            "multipart/form-data",
            "application/json",
        }
    names = {
        path: [(each["name"], each["in"], each["required"]) for each in operation["parameters"]]
        for path, operation in operations(document)
    }
    assert names["/v1/predict"] == [("model", "query", False), ("top_k", "query", False)]
    assert names["/v1/explain"] == [("model", "query", False), ("label", "query", False)]
    assert names["/models/{name}"] == [("name", "path", True)]
    schemas = [each["schema"] for _, operation in operations(document) for each in operation["parameters"]]
    assert all("default" not in schema and schema["type"] in ("string", "integer") for schema in schemas)


def test_the_keys_are_documented_where_they_may_be_needed(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert (schemes["bearer"]["scheme"], schemes["key"]["name"]) == ("bearer", "X-API-Key")
    assert document["security"] == [{}, {"bearer": []}, {"key": []}]
    open_to_all = {path for path, operation in operations(document) if operation.get("security") == []}
    assert open_to_all == {"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"}


def test_a_server_that_asks_for_keys_documents_that_it_does(classifier: Classifier) -> None:
    client = create_app(Settings(api_keys=("secret",)), classifier).test_client()
    assert client.get("/openapi.json").json["security"] == [{"bearer": []}, {"key": []}]


def test_the_document_does_not_depend_on_who_asks(app: APIFlask) -> None:
    first = app.test_client().get("/openapi.json", headers={"Host": "evil.example"})
    assert "evil.example" not in first.get_data(as_text=True)
