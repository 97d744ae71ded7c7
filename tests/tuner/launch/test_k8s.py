"""The manifest: what Kubernetes' own client makes of it, what a pod is given, and no password in it."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tuner.errors import InputError
from tuner.launch import _base
from tuner.system.place import Place

PLACE = Place.at(Path("/state"), "postgresql+psycopg://me:s3cret@db/optuna", "https://me:s3cret@mlflow.example.org")


@pytest.fixture
def printed(capsys):
    """Prints a manifest; returns its text."""

    def launch(name="tiny", **kwargs):
        _base.launch("k8s", PLACE, name, say=lambda text: None, **{"count": 4, **kwargs})
        return capsys.readouterr().out

    return launch


def container(text):
    return YAML(typ="safe").load(text)["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("name", ["tiny", "my study (2)", "损失", None])
@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_kubernetes_own_client_knows_every_field(printed, name, device):
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not here")
    text = printed(name, device=device, given=["claim=shared"])
    # It reads strictly typed objects and writes them again: a field that it does not know would be missing.
    command = ["kubectl", "annotate", "--local", "--output=yaml", "--filename=-", "checked=yes"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert contains(YAML(typ="safe").load(done.stdout), YAML(typ="safe").load(text))


def contains(whole, part):
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return whole == part or {whole, part} == {"4Gi", "4096Mi"}


def test_a_study_is_a_job_that_its_pods_end(printed):
    found = YAML(typ="safe").load(printed())
    assert (found["kind"], found["apiVersion"], found["metadata"]["name"]) == ("Job", "batch/v1", "tuner-tiny")
    spec = found["spec"]
    assert spec["parallelism"] == 4 and "completions" not in spec
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    disruption, wrong = spec["podFailurePolicy"]["rules"]
    assert disruption["action"] == "Ignore" and disruption["onPodConditions"][0]["type"] == "DisruptionTarget"
    assert wrong["action"] == "FailJob" and wrong["onExitCodes"]["values"] == [2]


def test_without_a_study_workers_stay(printed):
    found = YAML(typ="safe").load(printed(None))
    assert (found["kind"], found["spec"]["replicas"]) == ("Deployment", 4)
    assert found["spec"]["selector"]["matchLabels"] == found["spec"]["template"]["metadata"]["labels"]
    assert found["spec"]["template"]["spec"]["containers"][0]["args"] == ["worker", "--device", "auto"]


def test_passwords_come_from_the_secret_alone(printed, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    text = printed(given=["secret=mine"])
    assert "s3cret" not in text and "postgresql" not in text
    env = {one["name"]: one for one in container(text)["env"]}
    for key in ("TUNER_STORAGE", "TUNER_TRACKING_URI"):
        assert env[key]["valueFrom"] == {"secretKeyRef": {"name": "mine", "key": key}}
    assert env["MLFLOW_TRACKING_PASSWORD"]["valueFrom"]["secretKeyRef"]["optional"] is True


def test_the_command_for_the_secret_passes_the_variables(printed):
    """It stands in the manifest's head; a program in the place of kubectl shows what would arrive."""
    lines = [line.removeprefix("# ") for line in printed().splitlines() if line.startswith("# ")]
    command = "\n".join(lines[1:3]).replace("kubectl create secret generic tuner --from-env-file=/dev/stdin", "cat")
    env = {"PATH": os.environ["PATH"], "TUNER_STORAGE": PLACE.storage, "TUNER_TRACKING_URI": "http://x", "OTHER": "no"}
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True, check=True)
    assert sorted(done.stdout.splitlines()) == [f"TUNER_STORAGE={PLACE.storage}", "TUNER_TRACKING_URI=http://x"]


def test_resources(printed):
    found = container(printed(given=["cpus=4", "memory=16G"]))["resources"]
    assert found["requests"] == {"cpu": "4", "memory": "16384Mi"}
    assert found["limits"] == {"memory": "16384Mi", "nvidia.com/gpu": "1"}
    assert "nvidia.com/gpu" not in container(printed(device="cpu"))["resources"]["limits"]


def test_pods_run_as_nobody_in_particular(printed):
    spec = YAML(typ="safe").load(printed())["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True and spec["automountServiceAccountToken"] is False
    assert spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


@pytest.mark.parametrize(("age", "alive"), [(0, True), (4 * 60, True), (6 * 60, False), (None, False)])
def test_the_probe_looks_at_the_sign_of_life(printed, tmp_path, age, alive):
    probe = container(printed(given=["epoch=5"]))["livenessProbe"]["exec"]["command"]
    sign = tmp_path / "alive"
    if age is not None:
        sign.touch()
        os.utime(sign, (time.time() - age, time.time() - age))
    env = {"PATH": os.environ["PATH"], "TUNER_ALIVE_FILE": str(sign)}
    done = subprocess.run(probe, env=env, stderr=subprocess.DEVNULL, check=False)
    assert (done.returncode == 0) == alive


def test_checkpoints_outlive_a_pod_only_where_pods_share_them(printed):
    alone, together = printed(), printed(given=["claim=shared"])
    assert "emptyDir" in alone and re.search("# A pod that is replaced starts its trial over", alone)
    assert "claimName: shared" in together and "starts its trial over" not in together


@pytest.mark.parametrize("given", ["epoch=0", "epoch=1.5", "memory=", "cpus=viele"])
def test_wrong_settings(printed, given):
    with pytest.raises(InputError, match=f"--set {given.partition('=')[0]}"):
        printed(given=[given])
