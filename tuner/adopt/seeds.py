"""How a script is seeded: by a flag that is heeded, in part, or not at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from tuner.adopt.flow import Flow, Frame
from tuner.adopt.model import Finding, Option
from tuner.adopt.scopes import callee, dotted

NAME = re.compile(r"^(random_?|rng_?|manual_?|global_?|torch_?)?seed(_everything|_num|_value|s)?$", re.I)
ALL = frozenset(["seed_everything", "set_seed", "set_random_seed", "seed_all", "fix_seed", "setup_seed", "set_seeds"])
OF_LIBRARY = {
    "torch": re.compile(r"(^|\.)(manual_seed|manual_seed_all)$"),
    "numpy": re.compile(
        r"^(np|numpy)\.random\.(seed|default_rng|RandomState|SeedSequence)$|^(default_rng|RandomState)$"
    ),
    "random": re.compile(r"^random\.(seed|Random)$"),
}
DRAWS = {
    "numpy": re.compile(
        r"^(np|numpy)\.random\.(rand|randn|randint|random|shuffle|permutation|choice|normal|uniform|random_sample|standard_normal)$"
    ),
    "random": re.compile(
        r"^random\.(random|randint|shuffle|choice|choices|sample|uniform|gauss|randrange|betavariate)$"
    ),
    "torch": re.compile(r"^torch\.(rand|randn|randperm|randint|rand_like|randn_like|normal|bernoulli|multinomial)$"),
}


def option(options: Sequence[Option]) -> Option | None:
    """The one that is called a seed."""
    return next((o for o in options if NAME.match(o.key.rpartition(".")[2]) and o.kind != "switch"), None)


def findings(flow: Flow, seed: Option | None) -> Iterator[Finding]:
    """A seed that reaches no generator, or not all that the script draws from."""
    seeded, fixed = _seeded(flow, seed)
    drawn = _drawn(flow)
    if seed is None:
        constant = next(
            (f"{lib} is seeded with a constant ({where})" for lib, where in fixed.items()), "nothing is seeded"
        )
        if drawn or fixed:
            yield Finding(
                "seed",
                f"there is no option for a seed: {constant}, so runs cannot be repeated over seeds and luck cannot be "
                "told from effect",
            )
        return
    if seeded is None:
        return
    flag = seed.flag.rstrip("=")
    if not seeded:
        constant = "; ".join(f"{lib} is seeded with a constant instead ({where})" for lib, where in fixed.items())
        yield Finding(
            "seed",
            f"{flag} is ignored: it reaches no generator of random numbers" + (f"; {constant}" if constant else ""),
            (seed.name,),
            seed.where,
        )
        return
    missed = sorted(library for library in drawn if library not in seeded)
    if missed:
        yield Finding(
            "seed",
            f"{flag} is heeded only in part: the script draws from {', '.join(missed)} ({drawn[missed[0]]}), and seeds "
            f"{', '.join(sorted(seeded))} alone",
            (seed.name,),
            drawn[missed[0]],
        )


def _seeded(flow: Flow, seed: Option | None) -> tuple[set[str] | None, dict[str, str]]:
    """Libraries that the seed reaches, None where that cannot be told; and those seeded with a constant, with where."""
    reached: set[str] = set()
    fixed: dict[str, str] = {}
    unknown = False
    for calls in list(flow.index.calls.values()):
        for call, scope in calls:
            name = dotted(call.func) or callee(call)
            libraries = {lib for lib, pattern in OF_LIBRARY.items() if pattern.search(name)}
            if callee(call) == "Generator" or name.endswith(".manual_seed"):
                libraries.add("torch")
            if callee(call) in ALL and callee(call) not in flow.index.functions:
                libraries = {"torch", "numpy", "random"}
            values = [*call.args, *[k.value for k in call.keywords]]
            inside = {n for v in values for n in flow.inside(v, Frame(scope))} if values else set()
            if seed is not None and seed.name in inside:
                local = callee(call) in flow.index.functions or callee(call) in flow.index.classes
                if libraries:
                    reached |= libraries
                elif not local and not _told(callee(call)):
                    unknown = True
            elif libraries and values and all(isinstance(v, ast.Constant) for v in values):
                fixed.setdefault(sorted(libraries)[0], scope.module.where(call))
    if seed is not None and seed.function:
        return None, fixed
    if not reached and unknown:
        return None, fixed
    return reached, fixed


def _told(name: str) -> bool:
    return name in ("print", "info", "format", "str", "debug", "join", "add_argument", "int", "write")


def _drawn(flow: Flow) -> dict[str, str]:
    """Libraries whose global generator is drawn from, and where first."""
    found: dict[str, str] = {}
    for calls in flow.index.calls.values():
        for call, scope in calls:
            name = dotted(call.func)
            for library, pattern in DRAWS.items():
                if pattern.match(name):
                    found.setdefault(library, scope.module.where(call))
    return found
