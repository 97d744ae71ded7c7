"""TPE learns from what trials have reported at a rung, whatever became of them, and from all of one rung alike."""

from statistics import mean

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from tuner.search.pruning import RungPruner, rungs
from tuner.search.tpe import RungTPESampler, compared
from tuner.storage import lease

STOPS = [2, 4, 8]
COMPLETE, PRUNED, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING
UP, DOWN = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE


def trial(state, *reports, value=None, reason=None):
    """One that reported these values, one an epoch."""
    attrs = {"result": {"reason": reason}} if reason else {}
    return create_trial(state=state, value=value, intermediate_values=dict(enumerate(reports, 1)), user_attrs=attrs)


@pytest.fixture(autouse=True)
def _one_is_enough(monkeypatch):
    monkeypatch.setattr("tuner.search.tpe.ENOUGH", 1)


def seen(trials, direction=UP):
    """State and value of each as the sampler takes it."""
    return [(t.state, t.value) for t in compared(trials, STOPS, direction)]


def good(trials, count, direction=UP):
    """Positions of those that Optuna takes for the best."""
    study = optuna.create_study(direction="maximize" if direction == UP else "minimize")
    for i, t in enumerate(trials):
        t.number = i
    return [t.number for t in _split_trials(study, compared(trials, STOPS, direction), count)[0]]


def test_all_are_compared_by_their_best_until_the_rung_whatever_became_of_them(monkeypatch):
    trials = [
        trial(COMPLETE, 0.1, 0.2, 0.5, 0.4, 0.6, 0.7, 0.8, 0.9, value=0.9),
        trial(RUNNING, 0.2, 0.6, 0.5, 0.5, 0.9),
        trial(PRUNED, 0.3, 0.1, 0.2, 0.1),
        trial(PRUNED, 0.8, 0.8),
    ]
    assert seen(trials) == [(COMPLETE, 0.9), (PRUNED, None), (PRUNED, None), (PRUNED, None)]
    # Three have reached epoch 4.
    monkeypatch.setattr("tuner.search.tpe.ENOUGH", 3)
    assert seen(trials) == [(COMPLETE, 0.5), (COMPLETE, 0.6), (COMPLETE, 0.3), (PRUNED, None)]
    for enough in (4, 9):
        monkeypatch.setattr("tuner.search.tpe.ENOUGH", enough)
        assert seen(trials) == [(COMPLETE, 0.2), (COMPLETE, 0.6), (COMPLETE, 0.3), (COMPLETE, 0.8)]


def test_less_is_better_where_the_objective_says_so():
    trials = [trial(RUNNING, 3.0, 1.0, 2.0, 2.0), trial(RUNNING, 4.0, 4.0, 0.5, 5.0)]
    assert seen(trials, direction=DOWN) == [(COMPLETE, 1.0), (COMPLETE, 0.5)]


def test_who_has_come_to_no_rung_stays_as_it_is():
    failed, waiting = trial(TrialState.FAIL, 0.1, 0.2), trial(TrialState.WAITING)
    trials = [trial(RUNNING), trial(RUNNING, 0.5), waiting, trial(PRUNED, 0.4), failed]
    assert compared(trials, STOPS, UP) == trials


def test_one_that_was_handed_back_counts_as_if_it_ran_on():
    begun = create_trial(state=TrialState.WAITING, params={"a": 1}, distributions={"a": FloatDistribution(0, 2)})
    assert seen([trial(TrialState.WAITING, 0.1, 0.7), begun]) == [(COMPLETE, 0.7), (RUNNING, None)]


def test_those_that_failed_or_diverged_decide_no_rung_and_are_never_good(monkeypatch):
    monkeypatch.setattr("tuner.search.tpe.ENOUGH", 2)
    diverged = [trial(PRUNED, 0.1, 0.9, 0.9, 0.9, reason="diverged at epoch 4: NaN") for _ in range(3)]
    failed = [trial(TrialState.FAIL, 0.1, 0.9, 0.9, 0.9) for _ in range(3)]
    trials = [*diverged, *failed, trial(RUNNING, 0.1, 0.2), trial(RUNNING, 0.1, 0.3), trial(PRUNED, 0.1)]
    assert seen(trials)[6:8] == [(COMPLETE, 0.2), (COMPLETE, 0.3)]
    living = [*diverged, *trials[6:]]
    for direction in (UP, DOWN):
        assert good(living, 3, direction) == [3, 4, 5]


def test_one_that_completed_is_compared_everywhere_whatever_epochs_it_reported():
    early = trial(COMPLETE, 0.5, 0.6, 0.4, value=0.6)
    silent = trial(COMPLETE, value=0.7)
    late = create_trial(value=0.8, intermediate_values={10: 0.3, 100: 0.8})
    assert seen([early, silent, late]) == [(COMPLETE, 0.6), (COMPLETE, 0.7), (COMPLETE, 0.8)]


def test_one_that_reported_late_counts_with_its_first_report_past_the_rung(monkeypatch):
    monkeypatch.setattr("tuner.search.tpe.ENOUGH", 3)
    late = create_trial(value=0.8, intermediate_values={10: 0.3, 100: 0.8})
    assert seen([late, trial(RUNNING, 0.1, 0.4), trial(RUNNING, 0.2, 0.3)])[0] == (COMPLETE, 0.3)


def test_one_that_did_not_report_at_the_first_rung_counts_at_a_later_one():
    sparse = create_trial(state=RUNNING, intermediate_values={4: 0.5})
    assert seen([sparse]) == [(COMPLETE, 0.5)]
    assert seen([sparse, trial(COMPLETE, value=0.9)]) == [(PRUNED, None), (COMPLETE, 0.9)]


def test_trials_themselves_do_not_change():
    trials = [trial(RUNNING, 0.1, 0.2), trial(PRUNED, 0.1), trial(PRUNED, 0.1, reason="diverged at epoch 1: NaN")]
    before = repr(trials)
    compared(trials, STOPS, UP)
    assert repr(trials) == before


def test_trials_that_are_claimed_together_are_drawn_apart(make_study):
    study = make_study(plans={}, search={"trials": 6, "startup_trials": 2})
    drawn = FloatDistribution(0, 1)
    for value in (0.1, 0.2, 0.9):
        study.optuna.add_trial(create_trial(value=value, params={"x": value}, distributions={"x": drawn}))
    made = {}

    def make(number):
        made[number] = sampler(number)
        return made[number]

    together = [lease.claim(study.optuna, 6, make) for _ in range(3)]
    values = [one.suggest_float("x", 0, 1) for one in together]
    assert [one.study.sampler for one in together] == [made[one.number] for one in together]
    # Each has seen where those before it are.
    for i, one in enumerate(together):
        there = {t.number: t for t in made[one.number].seen.trials}
        assert [there[other.number].params.get("x") for other in together[:i]] == values[:i]


def test_all_knobs_of_a_trial_are_drawn_from_one_reading_of_the_storage(monkeypatch):
    study = optuna.create_study(sampler=sampler(0))
    for i in range(12):
        study.add_trial(create_trial(value=i, params={"a": i}, distributions={"a": FloatDistribution(0, 20)}))
    reads = []
    original = optuna.Study.get_trials
    monkeypatch.setattr(optuna.Study, "get_trials", lambda *args, **kw: reads.append(1) or original(*args, **kw))
    asked = study.ask()
    asked.suggest_float("a", 0, 20)
    asked.suggest_float("new", 0, 1)
    assert len(reads) == 1


def sampler(number, plain=False, stops=(5, 10, 20, 50)):
    settings = {"n_startup_trials": 10, "multivariate": True, "constant_liar": True, "seed": number}
    return TPESampler(**settings) if plain else RungTPESampler(stops, **settings)


def search(seed, plain):
    """How far the best of 60 trials of 50 epochs, 24 at a time, misses a steep optimum at (.7, .3, .5)."""
    study = optuna.create_study(direction="maximize")
    pruner, numbers = RungPruner(50), iter(range(60))
    stops = [*rungs(50, 0.1), 50]

    def ask():
        number = next(numbers, None)
        if number is None:
            return []
        study.sampler = sampler(1000 * seed + number, plain)
        asked = study.ask()
        return [(asked, sum((asked.suggest_float(name, 0, 1) - at) ** 2 for name, at in OPTIMUM.items()))]

    running = [one for _ in range(24) for one in ask()]
    while running:
        fresh = []
        for asked, miss in running:
            at = next(stop for stop in stops if stop not in study.trials[asked.number].intermediate_values)
            asked.report(-miss * (1 + 1 / at), at)
        there = study.get_trials(deepcopy=False)
        for asked, miss in running:
            its = there[asked.number]
            if its.last_step == 50:
                study.tell(asked, -miss)
            elif pruner.stops(its, there, study.direction):
                study.tell(asked, state=PRUNED)
            else:
                fresh.append((asked, miss))
        free = len(running) - len(fresh)
        running = [*fresh, *(one for _ in range(free) for one in ask())]
    return -study.best_value


OPTIMUM = {"x": 0.7, "y": 0.3, "z": 0.5}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_search_of_many_at_a_time_finds_better_than_with_optunas(monkeypatch):
    monkeypatch.setattr("tuner.search.tpe.ENOUGH", 10)
    own, plain = (mean(search(seed, which) for seed in range(4)) for which in (False, True))
    assert own < 0.6 * plain
