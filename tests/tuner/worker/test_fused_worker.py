"""A worker whose trials share one model: places are taken by the next trial, and nothing else changes."""

import pytest
from optuna.trial import TrialState

from trainer.population import Population
from trainer.tensors import TensorData
from tuner.study.study import open_study
from tuner.system.interrupt import STOP, Interrupted
from tuner.worker import worker

SEARCH = {"trials": 9, "startup_trials": 4, "min_peers": 2, "reduction": 2.0, "replicates": 2}


def work(study, population=3):
    said = []
    return worker.work(study, device="cpu", population=population, say=said.append), said


def outcome(study):
    """Knobs, state and values of each trial."""
    return [(t.params, t.state, t.intermediate_values) for t in open_study(study.place, "tiny").optuna.get_trials()]


def test_the_place_of_a_trial_that_ends_goes_to_the_next(make_study, monkeypatch):
    study = make_study(plans={}, search=SEARCH | {"trials": 12, "replicates": 0}, training={"epochs": 8})
    sizes, run_epoch = [], Population.run_epoch

    def counted(population, between):
        sizes.append((len(population.alive), len({population.epochs[i] for i in population.alive})))
        return run_epoch(population, between)

    monkeypatch.setattr(Population, "run_epoch", counted)
    count, _ = work(study)
    trials = open_study(study.place, "tiny").optuna.get_trials()
    assert count == 12 and all(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in trials)
    assert any(t.state == TrialState.PRUNED for t in trials)
    asked = sum(len(t.intermediate_values) for t in trials)
    assert sum(size for size, _ in sizes) == asked
    # Full until the queue is empty, with members at different epochs.
    assert all(size == 3 for size, _ in sizes[: asked // 3 - 8]) and max(epochs for _, epochs in sizes) > 1
    assert all(set(t.intermediate_values) == set(range(1, t.user_attrs["result"]["epochs"] + 1)) for t in trials)


def test_where_batches_differ_in_shape_half_of_the_places_are_refilled_at_once(make_study, monkeypatch):
    monkeypatch.setattr(TensorData, "mixes", False)
    study = make_study(plans={}, search=SEARCH | {"trials": 16, "replicates": 0}, training={"epochs": 8})
    trained, alive, run_epoch, pruner = [], [], Population.run_epoch, study.optuna.pruner

    def counted(population, between):
        population.gather()
        there = study.optuna.get_trials()
        for i in population.members:
            # Also who has waited at a rung leads there as it goes on, by what the others have reported meanwhile.
            if population.epochs[i] in pruner.rungs and "plan" not in there[i].user_attrs:
                assert not pruner.stops(there[i], there, study.optuna.direction)
        reports = run_epoch(population, between)
        trained.append(sorted((population.epochs[r.member], r.member) for r in reports))
        alive.append(len(population.alive))
        return reports

    monkeypatch.setattr(Population, "run_epoch", counted)
    count, _ = work(study, 4)
    trials = open_study(study.place, "tiny").optuna.get_trials()
    assert count == 16 and any(t.state == TrialState.PRUNED for t in trials)
    assert sum(map(len, trained)) == sum(len(t.intermediate_values) for t in trials)
    assert all(set(t.intermediate_values) == set(range(1, t.user_attrs["result"]["epochs"] + 1)) for t in trials)
    # One epoch at a time; who came later catches up with who waits, and they go on together.
    assert all(len({epoch for epoch, _ in epochs}) == 1 for epochs in trained)
    assert max(alive) == 4 and any(len(epochs) < there for epochs, there in zip(trained, alive, strict=True))
    newcomers = [len(epochs) for epochs in trained if epochs[0][0] == 1]
    assert sum(newcomers) == 16 and all(count >= 2 for count in newcomers[:-1])


@pytest.mark.parametrize("mixes", [True, False])
def test_the_same_seed_gives_the_same_study_however_often_it_is_interrupted(make_study, monkeypatch, mixes):
    monkeypatch.setattr(TensorData, "mixes", mixes)
    straight = make_study(state="straight", search=SEARCH)
    work(straight)
    again = make_study(state="again", search=SEARCH)
    run_epoch, count = Population.run_epoch, 0

    def interrupting(population, between):
        nonlocal count
        reports = run_epoch(population, between)
        count += 1
        if count % 4 == 0:
            STOP.set()
        return reports

    monkeypatch.setattr(Population, "run_epoch", interrupting)
    for _ in range(20):
        try:
            work(again)
            break
        except Interrupted:
            STOP.clear()
    STOP.clear()
    assert count > 8
    assert outcome(again) == outcome(straight)
    # Where they can be, the baseline's other seeds were in the same model, on top of the places that trials take.
    values, epochs = (straight.optuna.user_attrs["replicates"][key] for key in ("values", "epochs"))
    assert len(values) == 2 and epochs == 8
    assert again.optuna.user_attrs["replicates"] == straight.optuna.user_attrs["replicates"]


def test_replicates_beside_the_trials_equal_those_after_the_baseline(make_study):
    found = []
    for population in (1, 3):
        study = make_study(state=str(population), search=SEARCH | {"trials": 2}, objective="val/cross_entropy")
        work(study, population)
        found.append(study.optuna.user_attrs["replicates"]["values"])
        assert not list((study.place.state / "checkpoints").rglob("*.pt"))
    assert found[0] == pytest.approx(found[1], rel=1e-3) and len(set(found[0])) == 2


@pytest.mark.parametrize("population", [1, 4])
def test_what_is_trained_together_is_told(make_study, population):
    study = make_study(search={"trials": 2}, training={"epochs": 1})
    work(study, population)
    told = study.tracker().client.get_run(study.optuna.get_trials()[0].user_attrs["run_id"]).data.tags["population"]
    assert told == ("1 at a time" if population == 1 else "4 at a time, as one model")
