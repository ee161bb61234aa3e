"""The Kubernetes manifests: they fit the schemas, take every privilege away, and agree with the image and the API."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from thumbnet import Classifier, __version__
from thumbnet.api import Settings, create_app
from thumbnet.api.server import STOP_SECONDS
from thumbnet.api.settings import variable

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "how-to" / "deploy-on-kubernetes.md").read_text(encoding="utf-8")
VERSIONS = ["1.30", kubernetes_validate.latest_version().removesuffix(".0")]
"""The oldest Kubernetes that knows all we use, and the newest whose schemas are at hand."""

FILES = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "deploy").glob("*.yaml"))
}
KUSTOMIZATION = FILES.pop("kustomization.yaml")
OVERLAY = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)[0])
DEPLOYMENT = FILES["deployment.yaml"]
POD = DEPLOYMENT["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").partition("FROM run AS demo")[0]


def literals(kustomization: dict[str, Any]) -> dict[str, str]:
    """The settings that a kustomization gives to the API."""
    (generator,) = kustomization["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generator["literals"])


def probes() -> list[dict[str, Any]]:
    return [CONTAINER[kind]["httpGet"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FILES)
def test_every_manifest_fits_the_schema(name: str, version: str) -> None:
    assert kubernetes_validate.validate(FILES[name], version, strict=True) == version


@pytest.mark.parametrize("name", FILES)
def test_the_schema_refuses_what_it_does_not_know(name: str) -> None:
    misspelt = deepcopy(FILES[name])
    misspelt["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(misspelt, VERSIONS[-1], strict=True)


def test_the_kustomization_takes_every_manifest_and_makes_the_settings_that_the_pods_read() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(FILES)
    (generator,) = KUSTOMIZATION["configMapGenerator"]
    assert CONTAINER["envFrom"] == [{"configMapRef": {"name": generator["name"]}}]


@pytest.mark.parametrize("kustomization", [KUSTOMIZATION, OVERLAY], ids=["deploy", "guide"])
def test_every_setting_is_one_of_the_api(kustomization: dict[str, Any]) -> None:
    settings = literals(kustomization)
    assert set(settings) <= {variable(field.name) for field in fields(Settings)}
    assert isinstance(Settings.from_environment(settings), Settings)


def test_the_guides_overlay_changes_what_is_there() -> None:
    assert [image["name"] for image in OVERLAY["images"]] == [CONTAINER["image"].partition(":")[0]]
    (merged,) = OVERLAY["configMapGenerator"]
    assert (merged["name"], merged["behavior"]) == (KUSTOMIZATION["configMapGenerator"][0]["name"], "merge")
    (secret,) = OVERLAY["secretGenerator"]
    (volume,) = (volume for volume in POD["spec"]["volumes"] if "secret" in volume)
    assert secret["name"] == volume["secret"]["secretName"]
    (mount,) = (mount for mount in CONTAINER["volumeMounts"] if mount["name"] == volume["name"])
    (file,) = secret["files"]
    assert literals(OVERLAY)["THUMBNET_API_KEYS_FILE"] == f"{mount['mountPath']}/{file.partition('=')[0]}"


def test_the_image_is_that_of_this_version_and_the_guide_builds_it() -> None:
    assert CONTAINER["image"] == f"thumbnet-api:{__version__}"
    assert f"--tag {CONTAINER['image']} ." in GUIDE
    assert {image["newTag"] for image in OVERLAY["images"]} == {__version__}


def test_a_pod_has_no_privilege() -> None:
    pod, container = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert f"\nUSER {pod['runAsUser']}:{pod['runAsGroup']}\n" in DOCKERFILE
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(POD["spec"])
    assert not [port for port in CONTAINER["ports"] if "hostPort" in port]


def test_a_pod_gets_no_token_and_no_variables_that_settings_could_mistake_for_theirs() -> None:
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert POD["spec"]["enableServiceLinks"] is False


def test_a_pod_can_write_to_nothing_but_a_bounded_tmp() -> None:
    volumes = {volume["name"]: volume for volume in POD["spec"]["volumes"]}
    (writable,) = (mount for mount in CONTAINER["volumeMounts"] if not mount.get("readOnly"))
    assert writable["mountPath"] == "/tmp"
    assert volumes[writable["name"]]["emptyDir"].keys() == {"medium", "sizeLimit"}


def test_a_pod_takes_no_more_than_it_may() -> None:
    assert CONTAINER["resources"].keys() == {"requests", "limits"}
    assert CONTAINER["resources"]["requests"].keys() == CONTAINER["resources"]["limits"].keys() == {"cpu", "memory"}
    assert int(CONTAINER["resources"]["limits"]["cpu"]) >= 2, "with one worker, nobody answers while it starts anew"


def test_what_kubernetes_and_prometheus_ask_for_exists(cifar10: Classifier) -> None:
    rules = create_app(Settings(), cifar10).url_map.iter_rules()
    known = {rule.rule for rule in rules if "GET" in (rule.methods or ())}
    annotations = POD["metadata"]["annotations"]
    assert {probe["path"] for probe in probes()} | {annotations["prometheus.io/path"]} <= known
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/livez", "a model that is not ready needs no restart"
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_everything_leads_to_the_port_of_the_image() -> None:
    (port,) = CONTAINER["ports"]
    assert f"\nEXPOSE {port['containerPort']}\n" in DOCKERFILE
    assert port["containerPort"] == Settings().port
    assert {probe["port"] for probe in probes()} == {port["name"]}
    assert [entry["targetPort"] for entry in FILES["service.yaml"]["spec"]["ports"]] == [port["name"]]
    assert POD["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])


def test_the_network_policy_lets_in_requests_and_lets_out_nothing() -> None:
    policy = FILES["networkpolicy.yaml"]["spec"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": CONTAINER["ports"][0]["containerPort"]}]}]
    assert "egress" not in policy


def test_every_selector_finds_the_pods_and_nothing_else() -> None:
    labels = POD["metadata"]["labels"]
    for selector in (
        DEPLOYMENT["spec"]["selector"]["matchLabels"],
        FILES["service.yaml"]["spec"]["selector"],
        FILES["pdb.yaml"]["spec"]["selector"]["matchLabels"],
        FILES["networkpolicy.yaml"]["spec"]["podSelector"]["matchLabels"],
        *(spread["labelSelector"]["matchLabels"] for spread in POD["spec"]["topologySpreadConstraints"]),
    ):
        assert selector == labels


def test_the_autoscaler_alone_decides_how_many_pods_there_are() -> None:
    scaler, target = FILES["hpa.yaml"]["spec"], FILES["hpa.yaml"]["spec"]["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"]) == (DEPLOYMENT["apiVersion"], DEPLOYMENT["kind"])
    assert target["name"] == DEPLOYMENT["metadata"]["name"]
    assert "replicas" not in DEPLOYMENT["spec"]
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert [metric["resource"]["name"] for metric in scaler["metrics"]] == ["cpu"]


def test_an_update_and_a_drained_node_leave_enough_pods() -> None:
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert FILES["pdb.yaml"]["spec"]["maxUnavailable"] < FILES["hpa.yaml"]["spec"]["minReplicas"]


def test_the_server_can_finish_before_it_is_killed() -> None:
    waiting = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["spec"]["terminationGracePeriodSeconds"] > waiting + Settings().drain + STOP_SECONDS
