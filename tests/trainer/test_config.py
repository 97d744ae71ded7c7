import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import KNOBS, LossConfig, ModelConfig, TrainingConfig
from trainer.errors import InputError
from trainer.registry import names

NUMBERS = [name for name, knob in KNOBS.items() if knob.kind != "word"]
WORDS = [name for name, knob in KNOBS.items() if knob.kind == "word"]


def under(name, value):
    """Knobs that give `name` a value under the choice where it applies."""
    when = KNOBS[name].when
    return {name: value, **({when[0]: when[1]} if when else {})}


def refusal(make, *args, **kwargs):
    with pytest.raises(InputError) as error:
        make(*args, **kwargs)
    return str(error.value)


def test_every_field_is_a_knob_and_the_defaults_are_the_recommendations_original():
    assert [field.name for field in dataclasses.fields(LossConfig)] == list(KNOBS)
    assert LossConfig().knobs() == {
        "encoder_loss_weight": 0.05,
        "reconstruction_loss": "mse",
        "gate_reg_weight": 0.01,
        "classification_loss": "cross_entropy",
        "focal_gamma": 0.0,
        "class_weights": "none",
        "contrastive_weight": 0.0,
        "weighting": "fixed",
    }


def test_choices_are_the_files_there_are():
    assert set(KNOBS["reconstruction_loss"].choices) == set(names("trainer.losses.reconstruction"))
    assert {"mse", "smooth_l1", "l1", "log_cosh"} <= set(KNOBS["reconstruction_loss"].choices)
    assert {"fixed", "warmup", "ema_inverse", "uncertainty", "dwa"} <= set(KNOBS["weighting"].choices)


@pytest.mark.parametrize("name", NUMBERS)
def test_bounds(name):
    knob = KNOBS[name]
    step = 1 if knob.kind == "int" else 1e-3
    if knob.open_low:
        assert f"above {knob.low:g}" in refusal(LossConfig, **under(name, knob.low))
        assert getattr(LossConfig(**under(name, knob.low + step)), name) == knob.low + step
    else:
        assert getattr(LossConfig(**under(name, knob.low)), name) == knob.low
        message = refusal(LossConfig, **under(name, knob.low - step))
        assert message.startswith(name) and f"at least {knob.low:g}" in message and str(knob.low - step) in message
    if math.isfinite(knob.high):
        assert getattr(LossConfig(**under(name, knob.high)), name) == knob.high
        message = refusal(LossConfig, **under(name, knob.high + step))
        assert message.startswith(name) and f"at most {knob.high:g}" in message and str(knob.high + step) in message


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, "0.5", True, None])
def test_only_finite_numbers(name, value):
    message = refusal(LossConfig, **under(name, value))
    assert message == f"{name} must be a finite number; found {value!r}"


def test_whole_numbers():
    assert refusal(LossConfig, weighting="warmup", warmup_epochs=2.5).startswith("warmup_epochs must be a whole number")
    config = LossConfig(weighting="warmup", warmup_epochs=3.0, encoder_loss_weight=1)
    assert isinstance(config.warmup_epochs, int) and isinstance(config.encoder_loss_weight, float)


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("value", ["no such thing", 3, None])
def test_words(name, value):
    message = refusal(LossConfig, **{name: value})
    assert name in message and repr(value) in message
    assert all(choice in message for choice in KNOBS[name].choices)


def test_a_near_miss_is_named():
    assert "Did you mean smooth_l1?" in refusal(LossConfig, reconstruction_loss="smoothl1")
    message = refusal(LossConfig.from_knobs, {"encoder_weight": 0.1})
    assert "'encoder_weight'" in message and "Did you mean encoder_loss_weight?" in message
    assert all(name in message for name in KNOBS)


@pytest.mark.parametrize("name", [name for name, knob in KNOBS.items() if knob.when])
def test_a_knob_implies_the_choice_it_belongs_to(name):
    # Also at its default: `warmup_epochs: 5` alone asks for warm-up as much as `warmup_epochs: 6` does.
    selector, choice = KNOBS[name].when
    default = getattr(LossConfig(), name)
    for value in (default, default + 1 if name != "ema_momentum" else 0.5):
        expected = "cross_entropy" if (name, value) == ("focal_gamma", 0) else choice
        config = LossConfig.from_knobs({name: value})
        assert (getattr(config, selector), getattr(config, name)) == (expected, value)


def test_contradictions_are_refused():
    message = refusal(LossConfig, focal_gamma=2.0)
    assert "focal_gamma applies only where classification_loss is focal" in message and "cross_entropy" in message
    assert "weighting is warmup" in refusal(LossConfig.from_knobs, {"weighting": "dwa", "warmup_epochs": 3})
    for pair in ({"warmup_epochs": 5, "dwa_temperature": 2.0}, {"dwa_temperature": 2.0, "warmup_epochs": 3}):
        assert "weighting" in refusal(LossConfig.from_knobs, pair)
    focal = LossConfig.from_knobs({"focal_gamma": 2})
    assert "focal_gamma" in refusal(focal.replace, classification_loss="cross_entropy")
    assert focal.replace(focal_gamma=1).focal_gamma == 1.0


def number(knob):
    high = min(knob.high, 50)
    if knob.kind == "int":
        return st.integers(int(knob.low), int(high))
    return st.floats(knob.low, high, exclude_min=knob.open_low)


@st.composite
def configs(draw):
    chosen = {name: draw(st.sampled_from(KNOBS[name].choices)) for name in WORDS}
    for name in NUMBERS:
        when = KNOBS[name].when
        if (when is None or chosen[when[0]] == when[1]) and draw(st.booleans()):
            chosen[name] = draw(number(KNOBS[name]))
    return LossConfig(**chosen)


@given(configs())
def test_knobs_round_trip(config):
    # Only what has an effect is exported; a temperature without its term has none and comes back as the default.
    knobs, idle = config.knobs(), set()
    if config.contrastive_weight == 0:
        idle, config = {"contrastive_temperature"}, config.replace(contrastive_temperature=0.1)
    assert LossConfig.from_knobs(knobs) == config
    assert set(knobs) == {name for name in KNOBS if config.applies(name)} - idle | {"focal_gamma"}


@pytest.mark.parametrize(
    ("section", "field", "bad", "said"),
    [
        (ModelConfig, "hidden", 0, "at least 1"),
        (ModelConfig, "view_width", 0, "at least 1"),
        (ModelConfig, "dropout", 1.0, "below 1"),
        (ModelConfig, "dropout", -0.1, "at least 0"),
        (ModelConfig, "context_layers", 0, "at least 1"),
        (ModelConfig, "context", "lstm", "auto, gru, none, transformer"),
        (TrainingConfig, "epochs", 0, "at least 1"),
        (TrainingConfig, "batch_size", 0, "at least 1"),
        (TrainingConfig, "learning_rate", 0.0, "above 0"),
        (TrainingConfig, "learning_rate", math.nan, "above 0"),
        (TrainingConfig, "weight_decay", -1.0, "at least 0"),
        (TrainingConfig, "clip_norm", 0.0, "above 0"),
        (TrainingConfig, "early_stopping", 0, "at least 1"),
        (TrainingConfig, "conflict_every", -1, "at least 0"),
        (TrainingConfig, "schedule", "linear", "constant, cosine"),
    ],
)
def test_settings_say_what_is_allowed(section, field, bad, said):
    message = refusal(section, **{field: bad})
    assert field in message and said in message and str(bad) in message
