import math
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from optuna.trial import TrialState, create_trial
from PIL import Image
from synthetic import EPOCHS, MIXED, make

from trainer.config import KNOBS
from trainer.registry import load
from tuner.report import plots
from tuner.report.plots import convergence, history, importance, parallel, pruned_at, slices
from tuner.report.plots._view import View, clip, ticks
from tuner.spec.sections import Range

ALL = ["convergence", "history", "importance", "parallel", "pruned_at", "response", "slices"]


@pytest.fixture
def view(tmp_path):
    return View.of(make(tmp_path, MIXED, replicates=[0.79, 0.80, 0.81]))


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_every_plot_is_written_small_and_readable(tmp_path):
    study = make(tmp_path, MIXED)
    written = plots.write(study, tmp_path / "new" / "plots")
    assert written == [tmp_path / "new" / "plots" / f"{name}.png" for name in ALL]
    for path in written:
        assert path.stat().st_size < plots.LARGEST
        with Image.open(path) as image:
            assert image.width > 500 and len(image.convert("RGB").getcolors(1 << 24)) > 5


def test_a_large_study_still_makes_small_files(tmp_path):
    values = [0.5 + 0.4 * math.sin(i) ** 2 for i in range(150)]
    for path in plots.write(make(tmp_path, values), tmp_path):
        assert path.stat().st_size < plots.LARGEST


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("case", ["usual", "one knob", "cross-entropy"])
def test_nothing_is_cut_off(tmp_path, name, case):
    extra = {
        "usual": {"replicates": [0.79, 0.80, 0.81]},
        "one knob": {"knobs": ["encoder_loss_weight"], "plans": {"low": {"encoder_loss_weight": 0.02}}},
        "cross-entropy": {"objective": "val/cross_entropy"},
    }[case]
    figure = load("tuner.report.plots", name, "plot").draw(View.of(make(tmp_path, MIXED, **extra)))
    if figure is None:
        assert (name, case) == ("importance", "one knob")
        return
    figure.savefig(BytesIO())
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([0.8], []),
        ([0.8, (2, 0.5)], ["pruned_at"]),
        ([(2, 0.5), (3, 0.5), (2, 0.4)], ["pruned_at"]),
        ([0.8, 0.8, 0.8], ["convergence", "history"]),
        ([0.8, 0.9], ["convergence", "history", "parallel", "slices"]),
        ([0.8] * 20, ["convergence", "history"]),
    ],
    ids=["empty", "one", "one completed", "all pruned", "constant", "two", "constant and many"],
)
def test_what_too_little_data_leaves(tmp_path, values, expected):
    assert [path.stem for path in plots.write(make(tmp_path, values), tmp_path)] == expected


def test_trials_that_wait_run_or_failed_are_left_out(tmp_path):
    study = make(tmp_path, [0.8, 0.9])
    study.optuna.enqueue_trial({})
    study.optuna.add_trial(create_trial(state=TrialState.FAIL, user_attrs={"result": {"epochs": 0, "reason": "x"}}))
    study.optuna.ask()
    view = View.of(study)
    assert [t.number for t in view.done] == [0, 1] and not view.pruned
    assert len(plots.write(study, tmp_path)) == 4


def test_trials_without_stored_curves_or_with_holes_in_them_are_drawn(tmp_path):
    view = View.of(make(tmp_path, [0.8, 0.9, 0.7, 0.6, 0.5]))
    for curve in view.done[3].user_attrs["result"]["curves"].values():
        curve[3] = curve[-1] = None
    del view.done[4].user_attrs["result"]
    found = convergence.curve(view, view.done[3], "val/weighted_f1")
    assert math.isnan(found[3]) and len(found) == EPOCHS - 1
    assert len(convergence.curve(view, view.done[4], "val/weighted_f1")) == EPOCHS
    assert convergence.curve(view, view.done[4], "val/cross_entropy") == []
    assert [len(ax.get_lines()) for ax in convergence.draw(view).axes] == [5, 4]


def test_convergence_shows_best_baseline_and_plans_before_the_rest(view):
    figure = convergence.draw(view)
    left, right = figure.axes
    assert left.get_ylabel() == "weighted F1 on validation" and right.get_ylabel() == "cross-entropy on validation"
    assert left.get_xlabel() == right.get_xlabel() == "epoch"
    for ax in (left, right):
        assert len(ax.get_lines()) == len(view.done) + len(view.pruned)
        named = [label for label in lines(ax) if not label.startswith("_")]
        assert named == ["baseline", "plan full", "plan advanced", "best: trial 1, the plan basic"]
        assert len({lines(ax)[label].get_color() for label in named}) == 4
        (ends,) = ax.collections
        assert sorted(ends.get_offsets()[:, 0]) == sorted(t.last_step for t in view.pruned)
    assert legend(figure) == [*named, "other trials", "stopped early"]


def test_convergence_on_cross_entropy_has_one_panel(tmp_path):
    view = View.of(make(tmp_path, [0.5, 0.4, 0.3, 0.6, 0.7], objective="val/cross_entropy"))
    (ax,) = convergence.draw(view).axes
    assert ax.get_title() == "lower is better"


def test_a_diverging_trial_does_not_flatten_the_others(tmp_path):
    values = [0.8, 0.82, 0.81, 0.79, (3, 500.0)]
    view = View.of(make(tmp_path, values, objective="val/cross_entropy", reason="diverged at epoch 3"))
    (ax,) = convergence.draw(view).axes
    assert ax.get_ylim()[1] < 2


@pytest.mark.parametrize(("objective", "sign"), [("val/weighted_f1", 1), ("val/cross_entropy", -1)])
def test_the_best_so_far_never_gets_worse(tmp_path, objective, sign):
    view = View.of(make(tmp_path, MIXED, objective=objective))
    found = [value for _, value in history.running_best(view)]
    assert found == sorted(found, reverse=sign < 0)
    assert found[-1] == (max if sign > 0 else min)(v for v in MIXED if not isinstance(v, tuple))
    drawn = list(lines(history.draw(view).axes[0])["best so far"].get_ydata())
    assert drawn == sorted(drawn, reverse=sign < 0)
    assert view.best.value == found[-1]


def test_history_marks_the_baseline_and_its_noise(view):
    figure = history.draw(view)
    (ax,) = figure.axes
    assert ax.get_xlabel() == "trial" and ax.get_ylabel() == "weighted F1 on validation (higher is better)"
    assert any(list(line.get_ydata()) == [0.80, 0.80] for line in ax.get_lines())
    (band,) = ax.patches
    assert band.get_y() == pytest.approx(0.78) and band.get_height() == pytest.approx(0.04)
    assert "baseline under 3 other seeds: mean ± 2 sd" in legend(figure)
    pruned = sum(len(collection.get_offsets()) for collection in ax.collections)
    assert pruned == len(view.pruned)


@pytest.mark.parametrize("replicates", [(), (0.8,)])
def test_no_noise_band_without_two_replicates(tmp_path, replicates):
    figure = history.draw(View.of(make(tmp_path, [0.8, 0.9], replicates=replicates)))
    assert not figure.axes[0].patches and not any("seeds" in text for text in legend(figure))


def test_an_outlier_is_drawn_at_the_edge(tmp_path):
    view = View.of(make(tmp_path, [0.8, 0.81, 0.82, 0.83, 0.80, 0.81, 0.82, 0.81, 0.1], plans={}))
    limits = view.limits()
    assert limits[0] > 0.7
    assert clip(0.1, limits)[1] == "v" and limits[0] < clip(0.1, limits)[0] < limits[1]
    assert clip(0.81, limits) == (0.81, "o")


def test_importance_finds_the_knob_that_decides(tmp_path):
    weights = [0.01 * 10 ** ((i * 0.618) % 1) for i in range(80)]
    params = [{"encoder_loss_weight": w, "gate_reg_weight": 0.05 * ((i * 0.7548) % 1)} for i, w in enumerate(weights)]
    values = [0.9 - abs(math.log(w / 0.03)) / 10 for w in weights]
    view = View.of(make(tmp_path, values, params=params, plans={}))
    found, chance = importance.importances(view, importance.counted(view))
    assert max(found, key=found.get) == "encoder_loss_weight" and math.isclose(sum(found.values()), 1)
    assert found["encoder_loss_weight"] > chance["encoder_loss_weight"]
    assert found["gate_reg_weight"] < chance["gate_reg_weight"]
    assert importance.importances(view, importance.counted(view)) == (found, chance)
    figure = importance.draw(view)
    assert "encoder_loss_weight" in figure.get_suptitle()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][-1] == "encoder_loss_weight"
    assert "Among the trials that have the knob: focal_gamma" in figure.axes[0].get_title()


def test_importance_counts_pruned_trials_and_leaves_out_plans_that_differ_elsewhere(tmp_path):
    view = View.of(make(tmp_path, MIXED, knobs=["encoder_loss_weight", "gate_reg_weight"]))
    numbers = [t.number for t in importance.counted(view)]
    # The plans change the reconstruction loss, which this study does not search.
    assert not {1, 2, 3} & set(numbers) and {t.number for t in view.pruned} <= set(numbers)


def test_slices_mark_what_the_recommendation_had(view):
    figure = slices.draw(view)
    panels = {ax.get_xlabel().splitlines()[0]: ax for ax in figure.axes}
    assert list(panels) == view.spec.order()
    marks = {label: line.get_xdata()[0] for label, line in lines(panels["encoder_loss_weight"]).items()}
    assert marks["baseline"] == 0.05 and marks["plan basic"] == 0.03
    words = {label: line.get_xdata()[0] for label, line in lines(panels["reconstruction_loss"]).items()}
    assert words["baseline"] == 0 and words["plan basic"] == 1
    assert "baseline" not in lines(panels["focal_gamma"])
    assert panels["encoder_loss_weight"].get_xscale() == "log" and panels["gate_reg_weight"].get_xscale() == "linear"
    assert [t.get_text() for t in panels["reconstruction_loss"].get_xticklabels()] == ["mse", "smooth_l1"]
    assert panels["focal_gamma"].get_xlabel().endswith("(with classification_loss = focal)")


def test_slices_draw_each_trial_that_has_the_knob_once(view):
    for ax in slices.draw(view).axes:
        name = ax.get_xlabel().splitlines()[0]
        expected = sum(name in t.params for t in view.done + view.pruned)
        assert sum(len(collection.get_offsets()) for collection in ax.collections) == expected


def test_a_single_knob_makes_a_single_panel_and_no_importance(tmp_path):
    plans = {"low": {"encoder_loss_weight": 0.02}}
    study = make(tmp_path, MIXED, knobs=["encoder_loss_weight"], plans=plans)
    figure = slices.draw(View.of(study))
    assert len(figure.axes) == 1 and "plan low" in legend(figure)
    assert [p.stem for p in plots.write(study, tmp_path)] == [name for name in ALL if name != "importance"]


def test_parallel_draws_one_line_a_completed_trial(view):
    figure = parallel.draw(view)
    (ax,) = figure.axes
    drawn = {int(label): line for label, line in lines(ax).items() if label.isdigit()}
    assert set(drawn) == {t.number for t in view.done}
    knobs = view.spec.order()
    heights = dict(zip([*knobs, "objective"], drawn[0].get_ydata(), strict=True))
    assert heights["encoder_loss_weight"] == pytest.approx(math.log(5) / math.log(10))
    assert heights["gate_reg_weight"] == pytest.approx(0.2)
    assert heights["reconstruction_loss"] == 0.25 and heights["focal_gamma"] == parallel.MISSING
    assert drawn[view.best.number].get_ydata()[-1] == 1.0
    assert drawn[view.best.number].get_linewidth() > drawn[5].get_linewidth()
    assert {"mse", "smooth_l1", "n/a"} <= {text.get_text() for text in ax.texts}


def test_parallel_puts_the_best_at_the_top_when_less_is_better(tmp_path):
    view = View.of(make(tmp_path, [0.5, 0.4, 0.6], objective="val/cross_entropy"))
    drawn = lines(parallel.draw(view).axes[0])
    assert [drawn[n].get_ydata()[-1] for n in "012"] == [pytest.approx(0.5), 1.0, 0.0]


def test_pruned_at_counts_every_trial_once_and_marks_the_rungs(view):
    bars = pruned_at.counts(view)
    assert pruned_at.rung_epochs(view) == [2, 4]
    assert sum(map(sum, bars.values())) == len(view.done) + len(view.pruned)
    assert bars["2"][0] == sum(t.last_step == 2 for t in view.pruned)
    assert bars["3"][0] == sum(t.last_step == 3 for t in view.pruned)
    (ax,) = pruned_at.draw(view).axes
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2\nrung", "3", "4\nrung", "10\nthe end"]
    assert sum(patch.get_gid() == "rung" for patch in ax.patches) == 2


def test_pruned_at_tells_diverged_trials_apart(tmp_path):
    view = View.of(make(tmp_path, [0.8, (1, 0.2), (10 - 1, 0.3)], reason="diverged at epoch 1: the loss is nan"))
    bars = pruned_at.counts(view)
    assert bars["1"] == [0, 1, 0] and bars["5–10"] == [0, 1, 0]
    assert "diverged" in [text.get_text() for text in pruned_at.draw(view).legends[0].get_texts()]


@pytest.mark.parametrize(
    ("name", "rng", "expected"),
    [
        ("encoder_loss_weight", Range(low=0.01, high=0.1, log=True), [0.01, 0.02, 0.05, 0.1]),
        ("encoder_loss_weight", Range(low=0.0001, high=10, log=True), [0.0001, 0.01, 1]),
        ("encoder_loss_weight", Range(low=0.031, high=0.042, log=True), [0.031, 0.042]),
        ("gate_reg_weight", Range(low=0, high=0.05), [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        ("warmup_epochs", Range(low=1, high=3), [1, 2, 3]),
    ],
)
def test_ticks_are_round_and_inside_the_range(name, rng, expected):
    assert ticks(rng, KNOBS[name].kind == "int") == pytest.approx(expected)


def test_importing_the_plots_loads_no_heavy_library():
    code = (
        "import sys, tuner.report.plots._view, tuner.report.plots.importance; "
        "import tuner.report.plots.parallel, tuner.report.plots.slices; "
        "print([m for m in ('matplotlib', 'optuna', 'torch', 'mlflow') if m in sys.modules])"
    )
    root = Path(plots.__file__).parents[3]
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
