"""Workers on Kubernetes: prints the manifest, for `kubectl apply -f -`. Passwords are in a Secret, never in it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from tuner.errors import InputError
from tuner.launch._base import CPUS, Setting, Workers
from tuner.spec.yaml import dump
from tuner.system.interrupt import ALIVE

STATE = "/state"
"""Where the image keeps its state."""
USER = 1000
"""Whom the image runs as."""
SETTINGS = {
    "cpus": CPUS,
    "memory": Setting("4G", "memory a worker, such as 8G or 500M"),
    "image": Setting(f"loss-weight-tuner:{version('loss-weight-tuner')}", "the image of the Dockerfile"),
    "secret": Setting("tuner", "Secret with the storage's URLs"),
    "claim": Setting("", "PersistentVolumeClaim that all pods share, for checkpoints and data; empty: none"),
    "epoch": Setting(
        "15", "minutes that an epoch may take; a worker that shows no sign of life for so long is restarted"
    ),
}
REQUIRED, OPTIONAL = ("TUNER_STORAGE", "TUNER_TRACKING_URI"), ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def launch(workers: Workers, say: Callable[[str], None]) -> None:
    """Print the manifest; nothing is started and no storage is asked, which may be reached from the cluster alone."""
    text = "".join(f"# {line}\n" if line else "#\n" for line in _preface(workers))
    sys.stdout.write(text + dump(manifest(workers)))


def manifest(workers: Workers) -> dict[str, Any]:
    """A Job, whose pods end with the study; without a study, a Deployment of workers that wait for work."""
    count, name = workers.count or 1, f"tuner-{workers.slug}"
    labels = {"app.kubernetes.io/name": "loss-weight-tuner", "app.kubernetes.io/instance": name}
    metadata: dict[str, Any] = {"name": name, "labels": labels}
    pod: dict[str, Any] = {"metadata": {"labels": labels}, "spec": _pod(workers)}
    if workers.name is None:
        spec = {"replicas": count, "selector": {"matchLabels": labels}, "template": pod}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    metadata["annotations"] = {"loss-weight-tuner/study": workers.name}
    pod["spec"]["restartPolicy"] = "Never"  # as rules for failures want it
    rules = [
        # A drained or pre-empted pod is replaced and counts as no failure; wrong input fails wherever it is tried.
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"containerName": "worker", "operator": "In", "values": [2]}},
    ]
    # No `completions`: the first pod that ends well saw the end of the study, and none is started after it.
    spec = {"parallelism": count, "backoffLimit": 3 * count, "podFailurePolicy": {"rules": rules}, "template": pod}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _pod(workers: Workers) -> dict[str, Any]:
    cpus, memory = str(workers.cpus), f"{workers.memory}Mi"
    if workers.memory is None:
        raise InputError("--set memory must not be empty here: without a limit one worker can take a node down")
    resources = {"requests": {"cpu": cpus, "memory": memory}, "limits": {"memory": memory}}
    if workers.gpus:
        resources["limits"]["nvidia.com/gpu"] = str(workers.gpus)
    minutes = _minutes(workers)
    check = {"exec": {"command": ["sh", "-c", f'test -n "$(find "${ALIVE}" -mmin -{minutes})"']}, "periodSeconds": 60}
    claim = workers.settings["claim"]
    container = {
        "name": "worker",
        "image": workers.settings["image"],
        "args": ["worker", *([workers.name] if workers.name else []), "--device", workers.device],
        "env": [
            {"name": "TUNER_STATE", "value": STATE},
            {"name": ALIVE, "value": "/tmp/alive"},
            *(_secret(workers, key, optional=False) for key in REQUIRED),
            *(_secret(workers, key, optional=True) for key in OPTIONAL),
        ],
        "resources": resources,
        # Until the first sign of life the data is loaded and an epoch trained.
        "startupProbe": check | {"timeoutSeconds": 10, "failureThreshold": minutes + 5},
        "livenessProbe": check | {"timeoutSeconds": 10, "failureThreshold": 2},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "state", "mountPath": STATE}],
    }
    volume = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    return {
        "terminationGracePeriodSeconds": 60,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "state", **volume}],
    }


def _secret(workers: Workers, key: str, *, optional: bool) -> dict[str, Any]:
    source = {"name": workers.settings["secret"], "key": key, **({"optional": True} if optional else {})}
    return {"name": key, "valueFrom": {"secretKeyRef": source}}


def _minutes(workers: Workers) -> int:
    given = workers.settings["epoch"]
    if not given.isdecimal() or not 0 < int(given) < 10_000:
        raise InputError(f"--set epoch must be a whole number of minutes; found {given!r}")
    return int(given)


def _preface(workers: Workers) -> list[str]:
    secret = workers.settings["secret"]
    lines = [
        f"The URLs are in the Secret {secret}, made once, from the variables of your shell:",
        f"  env | grep -E '^({'|'.join((*REQUIRED, *OPTIONAL))})=' |",
        f"    kubectl create secret generic {secret} --from-env-file=/dev/stdin",
    ]
    if not workers.settings["claim"]:
        lines += ["A pod that is replaced starts its trial over: checkpoints that all pods share want --set claim=NAME"]
    return lines
