"""The gate: its error rate over a stream of requests, and everything that somebody may try to talk it into."""

import json

import numpy as np
import pytest
from ruamel.yaml import YAML

from tuner.errors import InputError
from tuner.validation import gate

BASE, OTHER = {"w": 0.05}, {"w": 0.03}
FIXED = {"study": "s", "seeds": 10, "epochs": None, "data": None, "margin": None, "metric": "f1", "content": {}}


def answered(ledger, differences, candidate=OTHER, maximize=True):
    return gate.decide(ledger, BASE, candidate, np.asarray(differences), maximize, "v")


def test_what_requests_spend_adds_up_to_alpha():
    spent = [gate.alpha_of(k) for k in range(1, 2001)]
    assert sum(spent) == pytest.approx(gate.ALPHA, rel=1e-3) and sum(spent) < gate.ALPHA
    assert spent == sorted(spent, reverse=True)


def test_a_stream_of_harmless_changes_is_hardly_ever_failed():
    rng, failed = np.random.default_rng(0), 0
    for _ in range(400):
        ledger = gate.Ledger(FIXED)
        for k in range(30):
            ledger, request = answered(ledger, rng.normal(size=10), {"w": k})
            failed += not request.passed
            if not request.passed:
                break
    # 5% of 400 are 20; 31 is beyond 99% of what such a rate gives.
    assert failed <= 31


@pytest.mark.parametrize("maximize", [True, False])
def test_a_change_for_the_worse_fails_and_one_for_the_better_passes(maximize):
    worse = (-1 if maximize else 1) * np.linspace(0.04, 0.06, 10)
    ledger, request = answered(gate.Ledger(FIXED), worse, maximize=maximize)
    assert not request.passed
    assert answered(ledger, -worse, maximize=maximize)[1].passed


def test_equal_runs_are_not_worse():
    assert gate.p_worse(np.zeros(6), True) == 1.0 and gate.p_worse(-np.ones(6), True) == 0.0


def test_the_same_change_has_one_answer():
    ledger, first = answered(gate.Ledger(FIXED), np.linspace(-0.06, -0.04, 10))
    assert ledger.answered(BASE, OTHER) is first
    assert ledger.answered(OTHER, BASE) is None


@pytest.mark.parametrize(
    "changed", [{"seeds": 20}, {"metric": "accuracy"}, {"margin": 0.5}, {"content": {"data": "x"}}]
)
def test_what_the_first_request_fixed_stays(tmp_path, changed):
    with pytest.raises(InputError, match=f"--{next(iter(changed))}: this gate was set up with"):
        gate.Ledger(FIXED).check(FIXED | changed, tmp_path / "gate.json")


def test_the_ledger_comes_back_from_its_file(tmp_path):
    ledger, _ = answered(gate.Ledger(FIXED), [0.1, 0.2, 0.3])
    gate.write(tmp_path / "gates" / "s.json", ledger)
    assert gate.read(tmp_path / "gates" / "s.json") == ledger
    assert gate.read(tmp_path / "other.json") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "fixed": 3, "requests": [{}]}', "[" * 9999]
)
def test_a_broken_ledger_is_no_empty_one(tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError, match="is not the ledger of a gate"):
        gate.read(tmp_path / "s.json")


def test_the_summary_names_what_changes():
    _, request = answered(gate.Ledger(FIXED), np.linspace(-0.06, -0.04, 10))
    text = gate.markdown(request, 1, "final_performance", 0.01)
    assert "### Loss weights: failed" in text and "| `w` | 0.05 | 0.03 |" in text


def test_from_the_command_line(cli, tiny, tmp_path):
    asked = ["gate", tiny, "--candidate", "basic", "--seeds", 6, "--epochs", 2, "--workers", 1]
    asked += ["--state", tmp_path / "state", "--device", "cpu"]
    first = cli(*asked, "--json", "--summary", tmp_path / "summary.md")
    assert first.returncode in (0, 1), first.stderr
    told = json.loads(first.stdout)
    assert told["passed"] == (first.returncode == 0) and told["request"] == 1 and told["seeds"] == 6
    assert (tmp_path / "summary.md").read_text() == told["summary"]
    again = cli(*asked, "--json")
    assert json.loads(again.stdout)["request"] == 1
    other = cli(*asked, "--margin", 0.5)
    assert other.returncode == 2 and "--margin: this gate was set up with nothing; found 0.5" in other.stderr


def test_the_action_runs_the_verb():
    from pathlib import Path

    action = YAML(typ="safe").load(Path(__file__).parents[3] / ".github" / "actions" / "gate" / "action.yml")
    script = action["runs"]["steps"][-1]["run"]
    assert "tuner gate" in script and "${{" not in script, "inputs come by the environment, never as shell text"
    assert {step.get("shell", "bash") for step in action["runs"]["steps"]} == {"bash"}
