"""The whole of `validate` with a trainer that plays a script, in this process; once for real, by the command line."""

import json
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from typer.testing import CliRunner

import trainer.train
from trainer.config import LossConfig
from trainer.result import Result
from tuner import cli as command_line
from tuner.errors import InputError, RunError
from tuner.launch import local
from tuner.report.export import export
from tuner.spec import file as study_file
from tuner.storage import opening
from tuner.storage.record import Runs, config_of
from tuner.study.study import open_study
from tuner.study.summary import best_trial
from tuner.system.interrupt import Interrupted
from tuner.system.place import Place
from tuner.validation import blocks, queue
from tuner.validation.blocks import CURVES, FRESH, create_or_resume, open_validation
from tuner.validation.options import ValidateOptions
from tuner.validation.plan import Plan
from tuner.validation.run import validate
from tuner.validation.working import work
from tuner.worker import worker

EPOCHS = 5
PAIR = {"baseline": "baseline", "candidate": "basic", "seeds": 6, "epochs": EPOCHS, "device": "cpu"}
QUIET = {"say": lambda text: None}


def no_difference(config, seed, noise):
    """A score that depends on the block alone, and a little on the noise."""
    return 0.7 + 0.01 * np.sin(seed) + 0.002 * np.cos(seed) * noise


def basic_wins(config, seed, noise):
    return no_difference(config, seed, noise) + (0.1 if config.encoder_loss_weight == 0.03 else 0.0)


@pytest.fixture
def play(monkeypatch):
    """`play(score)` replaces the trainer, where score(config, seed, noise) is a test F1, or a `str`: why it diverged.

    Workers run in this process. Returns the list of (seed, noise, configs) of the trainings there were.
    """

    def install(score):
        calls = []

        def train(configs, data, model, training, *, seed, noise=0, report=lambda reports: (), **kept):
            calls.append((seed, noise, list(configs)))
            results = []
            for config in configs:
                value = score(config, seed, noise)
                if isinstance(value, str):
                    results.append(Result(config, state="diverged", reason=value))
                    continue
                curves = {name: [value] * training.epochs for name in CURVES}
                curves |= {f"gate/{gate}_saturated": [0.1] for gate in ("temporal", "forget", "input")}
                test = {f"test/{name}": value for name in ("weighted_f1", "macro_f1", "accuracy")}
                test |= {f"test_f1/{name}": value for name in ("walk", "run (fast)", "sit/stand")}
                measured = {"convergence/gradient_cv": 0.5, "convergence/explosion_share": 0.0}
                result = Result(config, curves=curves, test=test, measures=measured, best_epoch=1)
                result.norms = np.ones(3)
                results.append(result)
            report([SimpleNamespace(epoch=1)])
            return results

        def start(name, place, count, device):
            try:
                work(open_validation(place, name), device=device, say=lambda text: None)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                process = SimpleNamespace(kill=lambda: None, join=lambda: None)
                last = {"last_words": lambda: said, "log": "worker.log"}
                return [SimpleNamespace(process=process, exit_code=1, **last)]
            return []

        monkeypatch.setattr(trainer.train, "train", train)
        monkeypatch.setattr(local, "start", start)
        return calls

    return install


@pytest.fixture
def place(make_place):
    return make_place()


@pytest.fixture
def searched(make_study, scripted):
    """A study of five trials, the best of which is none of the plans."""
    study = make_study(search={"trials": 5})
    named = set(map(str, study.spec.named().values()))
    scripted(lambda config, epoch: 0.5 if str(config) in named else 0.9)
    worker.work(study, device="cpu", say=lambda text: None)
    return study


def comparison(result, candidate="basic"):
    return next(c for c in result["comparisons"] if c["candidate"] == candidate)


def test_blocks_are_fresh_and_paired(play, place, tiny):
    calls = play(basic_wins)
    result = validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    assert comparison(result)["verdict"] == "better"
    assert comparison(result)["difference"] == pytest.approx(0.1)
    assert (comparison(result)["baseline"], list(result["arms"])) == ("baseline", ["baseline", "basic", "null"])
    assert comparison(result, "null")["verdict"] == "equivalent"
    # A block: both arms in one population, then the baseline alone with other noise, all under the block's seed.
    arms = [LossConfig(), LossConfig(encoder_loss_weight=0.03, reconstruction_loss="smooth_l1")]
    for i, ((seed, noise, configs), null) in enumerate(zip(calls[::2], calls[1::2], strict=True)):
        assert (seed, noise, configs) == (FRESH + i, 0, arms)
        assert null == (seed, 1, arms[:1])
    assert len(calls) == 12


def test_no_two_studies_share_seeds(play, place, tiny, tmp_path):
    calls = play(no_difference)
    other = tiny.parent / f"{tmp_path.name}.yaml"
    other.write_text(tiny.read_text() + "seed: 1\n")
    validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    validate(place, ValidateOptions(study=str(other), **PAIR), **QUIET)
    seeds = [seed for seed, noise, _ in calls if noise == 0]
    assert len(set(seeds)) == len(seeds) == 12
    assert min(seeds) >= FRESH


def test_the_plan_is_written_before_the_first_run(play, place, tiny):
    seen = []

    def score(config, seed, noise):
        if not seen:
            (file,) = place.state.glob("artifacts/**/set_beforehand.json")
            seen.append(json.loads(file.read_text()))
        return no_difference(config, seed, noise)

    play(score)
    result = validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    (told,) = seen
    assert (told["primary"], told["margin"], told["seeds"]) == ("final_performance", 0.01, 6)
    assert list(told["arms"]) == ["baseline", "basic"]
    assert told["arms"]["basic"]["encoder_loss_weight"] == 0.03
    assert [c["id"] for c in told["claims"]] == [c["id"] for c in result["claims"]]
    assert "basic.speed" in [c["id"] for c in told["claims"]]
    opened = open_validation(place, result["name"])
    assert opened.plan.as_data() == told
    assert (place.state / "reports" / result["name"] / "report.md").exists()


@pytest.mark.parametrize("fixed", [False, True])
def test_the_split_differs_by_block_unless_the_data_fixes_it(play, place, tiny, tmp_path, monkeypatch, fixed):
    arrays = dict(np.load(tiny.parent / "tiny.npz"))
    if fixed:
        arrays["split"] = np.repeat([0, 1, 2], [90, 30, 30])
    np.savez(tmp_path / "data.npz", **arrays)
    splits = []
    load = blocks.load_data

    def watch(spec):
        data = load(spec)
        splits.append(tuple(data.split))
        return data

    monkeypatch.setattr(blocks, "load_data", watch)
    play(no_difference)
    validate(place, ValidateOptions(study=str(tiny), **PAIR, data=str(tmp_path / "data.npz")), **QUIET)
    assert len(splits) == 6
    assert len(set(splits)) == (1 if fixed else 6)


def test_an_interrupted_validation_runs_what_is_missing(play, place, tiny):
    def score(config, seed, noise):
        if seed == FRESH + 3 and noise == 1:
            raise Interrupted
        return basic_wins(config, seed, noise)

    before = play(score)
    with pytest.raises(Interrupted):
        validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    assert [seed - FRESH for seed, noise, _ in before if noise == 0] == [0, 1, 2, 3]
    after = play(basic_wins)
    result = validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    assert [seed - FRESH for seed, noise, _ in after if noise == 0] == [3, 4, 5]
    assert result["seeds"] == 6


def test_the_same_call_again_shows_the_same_without_training(play, place, tiny):
    play(basic_wins)
    first = validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    calls = play(no_difference)
    assert validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET) == first
    assert calls == []
    # Anything that is fixed beforehand makes another validation.
    other = validate(place, ValidateOptions(study=str(tiny), **{**PAIR, "seeds": 7}), **QUIET)
    assert other["name"] != first["name"]
    assert len(calls) == 14


def test_data_that_changed_is_another_validation(play, place, tiny, tmp_path):
    arrays = dict(np.load(tiny.parent / "tiny.npz"))
    np.savez(tmp_path / "data.npz", **arrays)
    calls = play(no_difference)
    options = ValidateOptions(study=str(tiny), **PAIR, data=str(tmp_path / "data.npz"))
    first = validate(place, options, **QUIET)["name"]
    trained = len(calls)
    arrays["view_a"][0, 0] += 1
    np.savez(tmp_path / "data.npz", **arrays)
    assert validate(place, options, **QUIET)["name"] != first
    assert len(calls) == 2 * trained


def test_a_validation_made_half_is_made_again(play, place, tiny, monkeypatch):
    play(no_difference)
    real = optuna.Study.set_user_attr

    def fail(self, key, value):
        if key == "validation":
            raise KeyboardInterrupt
        real(self, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "set_user_attr", fail)
        with pytest.raises(KeyboardInterrupt):
            validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    assert validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)["seeds"] == 6


def test_two_workers_share_the_blocks(play, place, tiny):
    inner = []

    def score(config, seed, noise):
        if seed == FRESH and not inner:
            inner.append(None)  # while the first worker trains its first block, a second one comes
            inner[0] = work(open_validation(place, name), device="cpu", say=lambda text: None, stay=False)
        return no_difference(config, seed, noise)

    plan = Plan(study_file.load(str(tiny)), {"baseline": LossConfig()}, "final_performance", 0.01, [], 6)
    validation = create_or_resume(place, "shared", plan, "fingerprint", lambda name: Runs("0", "none"))
    name = validation.name
    queue.fill(validation.optuna, 6)
    calls = play(score)
    assert work(validation, device="cpu", say=lambda text: None) == 1
    assert inner == [5]
    assert sorted(seed - FRESH for seed, _, _ in calls) == sorted([*range(6), *range(6)])
    assert [len(runs) for runs in blocks.records(validation).values()] == [6, 6]


def test_blocks_are_in_order_whoever_ran_them_first(play, place, tiny):
    plan = Plan(study_file.load(str(tiny)), {"baseline": LossConfig()}, "final_performance", 0.01, [], 3)
    validation = create_or_resume(place, "order", plan, "fingerprint", lambda name: Runs("0", "none"))
    queue.fill(validation.optuna, 3)
    queue.fill(validation.optuna, 3)  # asking twice adds nothing
    assert len(opening.trials(validation.optuna)) == 3
    with pytest.raises(InputError, match="no finished block"):
        blocks.records(validation)
    play(lambda config, seed, noise: float(seed - FRESH))
    work(validation, device="cpu", say=lambda text: None)
    found = blocks.records(validation)
    assert [r["test"]["test/weighted_f1"] for r in found["baseline"]] == [0, 1, 2]
    assert list(found) == ["baseline", "null"]


def test_a_diverging_arm_is_counted_and_shown(play, place, tiny):
    def score(config, seed, noise):
        diverges = config.encoder_loss_weight == 0.03 and seed % 2
        return "epoch 2: not finite: loss/total" if diverges else no_difference(config, seed, noise)

    play(score)
    result = validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    diverged = sum((FRESH + i) % 2 for i in range(6))
    assert {name: arm["diverged"] for name, arm in result["arms"].items()} == {
        "baseline": 0,
        "basic": diverged,
        "null": 0,
    }
    assert result["arms"]["basic"]["runs"] == result["seeds"] == 6
    assert comparison(result)["difference"] < -0.3
    report = (place.state / "reports" / result["name"] / "report.md").read_text()
    assert "diverged" in report


def test_a_diverging_baseline_ends_no_worker(play, place, tiny):
    play(lambda config, seed, noise: 0.8 if config.encoder_loss_weight == 0.03 else "epoch 1: not finite: loss/total")
    result = validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)
    assert result["arms"]["baseline"]["diverged"] == 6
    assert comparison(result)["verdict"] == "better"


def test_a_block_that_crashes_is_an_error_each_time(play, place, tiny):
    def score(config, seed, noise):
        if seed == FRESH + 5:
            raise RuntimeError("the disk is on fire")
        return no_difference(config, seed, noise)

    play(score)
    for _ in range(2):
        with pytest.raises(RunError, match=r"block 5 failed.*(?s:.*)the disk is on fire"):
            validate(place, ValidateOptions(study=str(tiny), **PAIR), **QUIET)


def test_the_best_of_a_study_is_an_arm(play, searched):
    best = config_of(searched.spec, best_trial(searched))

    def score(config, seed, noise):
        return no_difference(config, seed, noise) + 0.1 * (config == best)

    calls = play(score)
    result = validate(
        searched.place,
        ValidateOptions(study="tiny", seeds=10, epochs=EPOCHS, dose_response=False, device="cpu"),
        **QUIET,
    )
    assert result["arms"]["best"]["params"] == best.knobs()
    assert {c["candidate"] for c in result["comparisons"] if c["verdict"] == "better"} == {"best"}
    assert min(seed for seed, _, _ in calls) >= FRESH
    assert len(result["ladder"]) == 5 and result["factorial"] is not None and result["dose_response"] == []
    assert len(result["claims"]) == 56


def test_the_dose_response_trains_doses_that_are_no_candidates(play, place, tiny):
    calls = play(lambda config, seed, noise: 0.8 - (config.encoder_loss_weight - 0.05) ** 2)
    result = validate(place, ValidateOptions(study=str(tiny), seeds=10, epochs=EPOCHS, device="cpu"), **QUIET)
    doses = [d["dose"] for d in result["dose_response"]]
    assert doses == [0.0, 0.001, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.3, 1.0]
    assert [d["dose"] for d in result["dose_response"] if not d["within_margin"]] == [0.3, 1.0]
    assert [d["arm"] for d in result["dose_response"] if d["best"]] == ["baseline"]
    assert len(result["comparisons"]) == 11
    assert len(calls[0][2]) == 19


def test_trials_and_exported_files_are_arms(play, searched, tmp_path):
    play(no_difference)
    best = best_trial(searched)
    file = tmp_path / "exported.yaml"
    file.write_text(export(open_study(searched.place, "tiny"), "yaml"))
    common = {"seeds": 6, "epochs": EPOCHS, "device": "cpu"}
    by_number = validate(
        searched.place,
        ValidateOptions(study="tiny", baseline="baseline", candidate=f"trial:{best.number}", **common),
        **QUIET,
    )
    by_file = validate(
        searched.place, ValidateOptions(study="tiny", baseline="baseline", candidate=str(file), **common), **QUIET
    )
    assert comparison(by_number, f"trial:{best.number}")["baseline"] == "baseline"
    arms = by_number["arms"][f"trial:{best.number}"], by_file["arms"]["exported"]
    assert arms[0]["params"] == arms[1]["params"] == best.user_attrs["config"]
    by_name = validate(
        searched.place, ValidateOptions(study="tiny", baseline="baseline", candidate="best", **common), **QUIET
    )
    assert by_name["arms"]["best"]["params"] == arms[0]["params"]
    with pytest.raises(InputError, match="same configuration"):
        validate(
            searched.place,
            ValidateOptions(study="tiny", baseline=f"trial:{best.number}", candidate=str(file), **common),
            **QUIET,
        )
    with pytest.raises(InputError, match=f"same configuration: the best of tiny is trial #{best.number}"):
        validate(
            searched.place,
            ValidateOptions(study="tiny", baseline=f"trial:{best.number}", candidate="best", **common),
            **QUIET,
        )
    with pytest.raises(InputError, match="no trial '99'"):
        validate(
            searched.place, ValidateOptions(study="tiny", baseline="baseline", candidate="trial:99", **common), **QUIET
        )


def test_arms_keep_their_names_whichever_way_round(play, place, tiny, tmp_path):
    play(basic_wins)
    result = validate(
        place, ValidateOptions(study=str(tiny), **{**PAIR, "baseline": "basic", "candidate": "baseline"}), **QUIET
    )
    assert list(result["arms"]) == ["basic", "baseline", "null"]
    found = comparison(result, "baseline")
    assert (found["baseline"], found["verdict"]) == ("basic", "worse")
    assert result["claims"] == []
    # A file may be called what it likes.
    for name in ("baseline.yaml", "null.yaml"):
        (tmp_path / name).write_text("encoder_loss_weight: 0.03\n")
        result = validate(
            place, ValidateOptions(study=str(tiny), **{**PAIR, "candidate": str(tmp_path / name)}), **QUIET
        )
        assert list(result["arms"]) == ["baseline", str(tmp_path / name), "null"]
        assert comparison(result, str(tmp_path / name))["verdict"] == "better"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"candidate": "baseline"}, "same configuration"),
        ({"candidate": "basik"}, r"plan 'basik'.*basic"),
        ({"candidate": "trial:0"}, "study"),
        ({"candidate": "best"}, "best needs the search that it is of"),
        ({"candidate": "nowhere.yaml"}, "nowhere.yaml does not exist"),
        ({"candidate": None}, "go together"),
        ({"baseline": None}, "go together"),
        ({"seeds": 5}, "--seeds 5 is too few.* at least 6"),
        ({"seeds": 8, "baseline": None, "candidate": None}, "--seeds 8 is too few: 14 comparisons need at least 10"),
        ({"seeds": 7, "until_decided": True}, "at least 8"),
        ({"data": "nowhere.npz"}, "nowhere.npz"),
        ({"claims": "nowhere.yaml"}, "recommendation nowhere.yaml does not exist"),
    ],
)
def test_wrong_input_is_said_before_anything_is_made(play, place, tiny, changes, said):
    calls = play(no_difference)
    with pytest.raises(InputError, match=said):
        validate(place, ValidateOptions(study=str(tiny), **{**PAIR, **changes}), **QUIET)
    assert calls == []
    assert opening.study_names(opening.open_storage(place.storage)) == []


def test_a_study_that_is_neither_there_nor_a_file(play, place):
    play(no_difference)
    with pytest.raises(InputError, match="'nosuch'.*quickstart"):
        validate(place, ValidateOptions(study="nosuch", **PAIR), **QUIET)


def test_a_study_without_a_completed_trial(play, make_study):
    study = make_study()
    play(no_difference)
    with pytest.raises(InputError, match="'tiny' has no completed trial"):
        validate(study.place, ValidateOptions(study="tiny", seeds=10), **QUIET)


def test_a_recommendation_of_ones_own(play, place, tiny, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "baseline: {encoder_loss_weight: 0.05}\nmargin: 0.2\nplans: {mine: {encoder_loss_weight: 0.03}}\n"
        "claims: [{id: gain, candidate: mine, metric: final_performance, claimed: [10, 20]}]\n"
    )
    play(basic_wins)
    result = validate(
        place, ValidateOptions(study=str(tiny), claims=str(file), seeds=6, epochs=EPOCHS, device="cpu"), **QUIET
    )
    assert comparison(result, "mine")["verdict"] == "equivalent"  # within the margin of 0.2
    assert [(c["id"], c["verdict"]) for c in result["claims"]] == [("gain", "supported")]
    file.write_text("margin: 0.2\n")
    with pytest.raises(InputError, match="nothing to compare"):
        validate(
            place, ValidateOptions(study=str(tiny), claims=str(file), seeds=6, epochs=EPOCHS, device="cpu"), **QUIET
        )


@pytest.mark.parametrize(("clear", "seeds"), [(True, 8), (False, 13)])
def test_until_decided_stops_early_or_at_the_budget(play, place, tiny, clear, seeds):
    def score(config, seed, noise):
        basic = config.encoder_loss_weight == 0.03
        return no_difference(config, seed, noise) + basic * (0.1 * clear + 0.03 * np.sin(7 * seed))

    calls = play(score)
    told = []
    result = validate(
        place, ValidateOptions(study=str(tiny), **{**PAIR, "seeds": 13}, until_decided=True), say=told.append
    )
    assert result["seeds"] == seeds
    assert len(calls) == 2 * seeds
    assert comparison(result)["verdict"] == ("better" if clear else "inconclusive")
    assert comparison(result)["method"] == "confidence sequence"
    assert ("budget" in told[-1]) is not clear


@pytest.mark.parametrize(("gain", "spread", "code"), [(0.1, 0.0, 0), (0.0, 0.001, 0), (-0.1, 0.0, 1), (0.0, 0.05, 3)])
def test_exit_code(play, place, tiny, gain, spread, code):
    def score(config, seed, noise):
        basic = config.encoder_loss_weight == 0.03
        return no_difference(config, seed, noise) + basic * (gain + spread * (-1) ** seed)

    play(score)
    options = ["--baseline", "baseline", "--candidate", "basic", "--seeds", "6", "--epochs", str(EPOCHS)]
    command = ["validate", str(tiny), *options, "--device", "cpu", "--state", str(place.state)]
    done = CliRunner().invoke(command_line.app, [*command, "--exit-code"])
    assert done.exit_code == code
    assert "basic" in done.stdout
    assert "\nreport: " in done.stdout


def test_the_command_line_for_real(cli, tiny, tmp_path):
    """Two workers, six seeds: one JSON object on standard output, progress on standard error."""
    command = ["validate", tiny, "--baseline", "baseline", "--candidate", "basic", "--seeds", 6, "--epochs", 2]
    command += ["--workers", 2, "--device", "cpu", "--state", tmp_path / "state", "--json"]
    done = cli(*command)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert {"primary", "margin", "seeds", "arms", "comparisons", "claims"} <= result.keys()
    assert (result["seeds"], result["primary"]) == (6, "final_performance")
    assert [c["candidate"] for c in result["comparisons"]] == ["basic", "null"]
    assert "6 of 6 seeds done" in done.stderr
    assert (tmp_path / "state" / "reports" / result["name"] / "report.md").exists()
    # Each arm's knobs are said before the first run.
    assert "baseline: encoder_loss_weight 0.05, " in done.stderr
    assert "basic: as baseline, but encoder_loss_weight 0.03, reconstruction_loss smooth_l1" in done.stderr
    # The same from Python: nothing is left to run.
    told = []
    pair = {"baseline": "baseline", "candidate": "basic", "seeds": 6, "epochs": 2, "device": "cpu"}
    assert validate(Place.at(tmp_path / "state"), ValidateOptions(study=str(tiny), **pair), say=told.append) == result
    assert told == []
