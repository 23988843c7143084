"""The manifests in `deploy/`: of kinds that are known, no field misspelt or misplaced, and commands that presage takes.

No cluster is asked, nor any schema fetched. What Kubernetes itself defines is read into its client's models and
written again: what they do not know is lost on the way. What KubeRay defines is held to the names of its API (v1).
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from presage.cli import command_line

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
client = pytest.importorskip("kubernetes.client", reason="the client of Kubernetes is not installed")

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = sorted(DEPLOY.glob("*.yaml"))
PLAIN = {"Job": "V1Job", "PersistentVolumeClaim": "V1PersistentVolumeClaim"}
CLUSTER = {"rayVersion", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec", "workerGroupSpecs"}
HEAD = {"rayStartParams", "template", "serviceType"}
WORKERS = {"groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts", "rayStartParams", "template"}
AUTOSCALER = {"idleTimeoutSeconds", "upscalingMode", "resources"}
JOB = {
    *("entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec"),
    *("activeDeadlineSeconds", "runtimeEnvYAML", "submissionMode"),
}
START = {"dashboard-host", "num-cpus", "num-gpus", "object-store-memory", "resources"}  # of `ray start`


def again(value: Any, model: str) -> Any:
    api = client.ApiClient()
    return api.sanitize_for_serialization(api.deserialize(json.dumps(value), model, "application/json"))


def documents() -> list[Any]:
    return [
        pytest.param(document, id=path.stem)
        for path in FILES
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def templates(cluster: Any) -> list[Any]:
    return [group["template"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


def cluster_of(document: Any) -> Any:
    spec = document["spec"]
    return spec["rayClusterSpec"] if document["kind"] == "RayJob" else spec


def containers(document: Any) -> list[Any]:
    if document["kind"] == "PersistentVolumeClaim":
        return []
    found = [document["spec"]["template"]] if document["kind"] == "Job" else templates(cluster_of(document))
    return [container for template in found for container in template["spec"]["containers"]]


@pytest.mark.parametrize("document", documents())
def test_no_field_is_unknown_to_kubernetes_or_to_kuberay(document: Any) -> None:
    if document["kind"] in PLAIN:
        assert again(document, PLAIN[document["kind"]]) == document
        return
    assert document["apiVersion"] == "ray.io/v1"
    assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
    if document["kind"] == "RayJob":
        assert set(document["spec"]) <= JOB
    else:
        assert document["kind"] == "RayCluster"
    cluster = cluster_of(document)
    assert set(cluster) <= CLUSTER
    assert set(cluster.get("autoscalerOptions", {})) <= AUTOSCALER
    assert {"rayStartParams", "template"} <= set(cluster["headGroupSpec"]) <= HEAD
    for group in cluster["workerGroupSpecs"]:
        assert {"groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"} <= set(group) <= WORKERS
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert set(group["rayStartParams"]) <= START
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    for template in templates(cluster):
        assert again(template, "V1PodTemplateSpec") == template


def test_a_misspelt_field_is_found() -> None:
    (document,) = yaml.safe_load_all((DEPLOY / "job.yaml").read_text(encoding="utf-8"))
    document["spec"]["template"]["spec"]["restartpolicy"] = "Never"
    assert again(document, "V1Job") != document


@pytest.mark.parametrize("document", documents())
def test_what_is_mounted_is_claimed_and_what_is_asked_for_is_the_limit(document: Any) -> None:
    for container in containers(document):
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert re.fullmatch(r"\d+", container["resources"]["limits"]["cpu"])
        assert re.fullmatch(r"\d+Gi", container["resources"]["limits"]["memory"])
    if document["kind"] in ("Job", "RayJob"):
        template = document["spec"]["template"] if document["kind"] == "Job" else templates(cluster_of(document))[0]
        mounted = {mount["name"] for each in template["spec"]["containers"] for mount in each["volumeMounts"]}
        claims = {each["name"]: each["persistentVolumeClaim"]["claimName"] for each in template["spec"]["volumes"]}
        assert mounted == set(claims)
        (volume,) = yaml.safe_load_all((DEPLOY / "volume.yaml").read_text(encoding="utf-8"))
        assert set(claims.values()) == {volume["metadata"]["name"]}


@pytest.mark.parametrize("document", documents())
def test_commands_are_such_as_presage_takes(document: Any) -> None:
    words = []
    if document["kind"] == "Job":
        words = containers(document)[0]["args"]
    elif document["kind"] == "RayJob":
        program, *words = shlex.split(document["spec"]["entrypoint"])
        assert program == "presage"
    if words:
        assert command_line("search").parser.parse_args(words).run.is_relative_to("/work")


def test_image_and_manifests_have_one_ray() -> None:
    (image,) = re.findall(r"'ray\[[\w,]+\]==([\d.]+)'", (DEPLOY / "ray.Dockerfile").read_text(encoding="utf-8"))
    told = [cluster_of(one.values[0])["rayVersion"] for one in documents() if one.values[0]["kind"].startswith("Ray")]
    assert told == [image] * 2
