"""What is searched where no option weighs the loss: options that shape training, by their names and kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tuner.adopt.flow import Flow, Frame
from tuner.adopt.model import Finding, Option

NEVER = re.compile(
    r"seed|device|cuda|gpu|(^|[_.-])(port|rank|ranks|world|local|nodes?|workers?|threads?|procs?|jobs)([_.-]|$)|world_size"
    r"|interval|every|freq|verbos|debug|log_|print|save|resume|path|file|dir$|dataset|epochs?|version|fold|split|patience"
    r"|(num|n)_(class|label|worker|thread)|class(es)?_num|fp16|amp|timeout|(max|total|num)_(train_)?steps|iters?$|limit|eps(ilon)?$",
    re.I,
)
OPTIMISING = re.compile(r"(LR|[Ss]cheduler|Adam\w*|SGD|RMSprop|Adagrad|Adadelta|Lion|LAMB|Adafactor)$")
Range = dict[str, Any]


def _log(value: float, factor: float) -> Range:
    return {"low": _round(value / factor), "high": _round(value * factor), "log": True}


def _rate(value: float) -> Range:
    return _log(value, 10) if value > 0 else {"low": 1e-5, "high": 1e-2, "log": True}


def _share(most: float) -> Callable[[float], Range]:
    return lambda value: {"low": 0.0, "high": max(most, _round(value)) if value >= 0 else most}


def _decay(value: float) -> Range:
    return _log(value, 10) if value > 0 else {"low": 0.0, "high": 0.1}


def _around(value: float) -> Range:
    if value > 0:
        return _log(value, 4)
    return {"low": _round(4 * value), "high": 0.0} if value < 0 else {"low": 0.0, "high": 1.0}


def _portion(value: float) -> Range:
    return {"low": _round(value / 4), "high": 1.0} if 0 < value < 1 else _around(value)


def _momentum(value: float) -> Range:
    return {"low": 0.5, "high": 0.99} if 0.5 <= value <= 0.99 else {"low": 0.0, "high": 0.99}


KINDS: tuple[tuple[str, re.Pattern[str], Callable[[float], Range]], ...] = (
    ("learning rate", re.compile(r"(^|[_.-])(lr|learning_?rate|base_lr|lrate)($|[_.\d-])", re.I), _rate),
    ("label smoothing", re.compile(r"smooth", re.I), _share(0.3)),
    ("dropout", re.compile(r"drop(_?out|_?path|_?rate|_?prob)?($|[_.\d-])|_drop|dropout", re.I), _share(0.6)),
    ("weight decay", re.compile(r"weight_?decay|(^|[_.-])(wd|l2|l1|decay|weight_?l2)($|[_.-])", re.I), _decay),
    ("temperature", re.compile(r"(^|[_.-])(temp|temperature|tau|tem)($|[_.-])", re.I), _around),
    ("margin", re.compile(r"margin", re.I), _around),
    ("focal exponent", re.compile(r"focal", re.I), _around),
    ("decay of the rate", re.compile(r"(^|[_.-])(gamma|lr_decay)($|[_.-])", re.I), _portion),
    ("class weight", re.compile(r"(class|pos)_?(weight|balanc)", re.I), _around),
    ("momentum", re.compile(r"momentum|(^|[_.-])(beta_?[12]|ema)($|[_.-])", re.I), _momentum),
    ("clipping", re.compile(r"clip|max_grad_norm", re.I), _around),
    ("warm-up", re.compile(r"warm_?up", re.I), _around),
)


def kind(option: Option) -> str:
    """What it is called in general: learning rate, dropout; empty for what its name does not tell."""
    key = option.key.replace("-", "_")
    return next((name for name, pattern, _ in KINDS if pattern.search(key)), "")


def others(options: Sequence[Option]) -> list[Option]:
    """The options that shape training, best known first; where there are none, every other number that may do so."""
    may = [o for o in options if not NEVER.search(o.key.replace("-", "_")) and not o.stuck]
    order = [name for name, _, _ in KINDS]
    by_name = [o for o in may if kind(o) and (o.kind == "float" or _class_weight(o) or _counts(o))]
    if by_name:
        return sorted(by_name, key=lambda o: order.index(kind(o)))
    numbers = [o for o in may if o.kind in ("float", "int") and _is_number(o.default)]
    return sorted(numbers, key=lambda o: o.kind == "int")


def _class_weight(option: Option) -> bool:
    return option.kind == "switch" and kind(option) == "class weight"


def _counts(option: Option) -> bool:
    return option.kind == "int" and _is_number(option.default)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


GUESSES = {"learning rate": 1e-3, "momentum": 0.9, "temperature": 1.0, "margin": 1.0, "clipping": 1.0, "warm-up": 0.1}


def guess(option: Option) -> float:
    """The value of an option without a default that can be read."""
    return GUESSES.get(kind(option), 0.1)


def range_of(option: Option, value: float) -> Range:
    """Where to search around its value: by orders of magnitude where it is positive, within what the kind allows."""
    if option.kind == "int":
        whole = int(value)
        if whole <= 0:
            return {"low": min(0, 4 * whole), "high": 0 if whole else 4, "kind": "int"}
        return {"low": max(1, whole // 4), "high": max(4, whole * 4), "kind": "int", "log": True}
    name = kind(option)
    return next((make(value) for known, _, make in KINDS if known == name), _around(value))


def scheduled(flow: Flow) -> set[str]:
    """Names of the options that an optimiser or a schedule of its rate takes: a `gamma` there weighs no term."""
    found: set[str] = set()
    for name, calls in flow.index.calls.items():
        if OPTIMISING.search(name):
            for call, scope in calls:
                for value in (*call.args, *(k.value for k in call.keywords)):
                    option = flow.origin(value, Frame(scope))
                    found |= {option.name} if option else set()
    return found


def finding(addends: Sequence[str], where: str, options: Sequence[Option]) -> Finding:
    """That no loss weight is an option, with the sum that could have one."""
    names = ", ".join(o.name for o in options[:8]) + (f" and {len(options) - 8} more" if len(options) > 8 else "")
    summed = f". Its loss is the sum {' + '.join(addends[:4])}: an option as a factor makes a weight" if addends else ""
    return Finding(
        "weightless",
        f"no loss weight was found as an option, so what else shapes training is searched: {names}{summed}",
        (),
        where,
    )


def _round(value: float) -> float:
    return float(f"{value:.3g}")
