"""Where a script writes: fixed paths that trials would share, and checkpoints that it goes on from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from tuner.adopt.flow import Flow, Frame
from tuner.adopt.model import Finding, Option
from tuner.adopt.scopes import Scope, callee, dotted
from tuner.adopt.styles._common import literal

FOLDER = re.compile(
    r"^(checkpoint|ckpt)_?(dir|folder|root)$|^(save|output|out|log|logging|results?|model_save|exp|experiment|run|work|default_root)"
    r"(_?(dir|path|folder|root|directory|root_dir))$|^(output|out|outdir|logdir|savedir|save_to|hydra\.run\.dir)$",
    re.I,
)
WRITERS = {
    "save": 1,
    "save_model": 0,
    "savez": 0,
    "savetxt": 0,
    "to_csv": 0,
    "to_json": 0,
    "savefig": 0,
    "makedirs": 0,
    "mkdir": 0,
    "SummaryWriter": 0,
    "save_pretrained": 0,
    "open": 0,
    "dump": 1,
    "FileHandler": 0,
}


def option(options: Sequence[Option]) -> Option | None:
    """The one that names the folder of results."""
    words = [o for o in options if o.kind == "word" and not o.choices]
    return next((o for o in words if FOLDER.match(o.key.rpartition(".")[2]) or FOLDER.match(o.key)), None)


def findings(flow: Flow) -> Iterator[Finding]:
    """Paths in the code that are the same for every run."""
    written: dict[str, str] = {}
    for path, call, scope in _fixed(flow):
        if path.startswith(("/dev/", "/tmp/")):
            continue
        written.setdefault(path, scope.module.where(call))
    resumed = sorted(path for path in _loaded(flow) if path in written)
    for path in resumed:
        yield Finding(
            "resumes", f"it loads {path!r}, which it writes itself: a trial goes on from another's", (), written[path]
        )
    if written:
        shown = ", ".join(f"{p!r} ({w})" for p, w in list(written.items())[:4])
        yield Finding("writes", f"it writes to the same place in every run: {shown}", (), next(iter(written.values())))


def resumed(flow: Flow) -> tuple[str, ...]:
    """Names of the files that it writes and loads again: a trial is not to find those of an earlier run."""
    written = {path for path, _, _ in _fixed(flow)}
    return tuple(sorted({path.rstrip("/").rpartition("/")[2] for path in _loaded(flow) if path in written}))


def looks_up(flow: Flow) -> str:
    """A path in the code that leads out of the script's folder upwards, ../data say; empty where none does."""
    for node in flow.index.program.walk():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("../"):
            return node.value if len(node.value) < 200 and "\n" not in node.value else ""
    return ""


def event_files(flow: Flow, output: Option | None) -> str | None:
    """Where TensorBoard's event files appear, as a study file has it; None where that is not in the output folder."""
    for name, keyword in (("SummaryWriter", "log_dir"), ("SummaryWriter", "logdir"), ("TensorBoardLogger", "save_dir")):
        for call, scope in flow.index.calls.get(name, []):
            value = next((k.value for k in call.keywords if k.arg == keyword), call.args[0] if call.args else None)
            path = _below(flow, value, scope, output) if value is not None and output is not None else None
            if path is not None:
                return "{output}" + path
    return None


def _below(flow: Flow, value: ast.expr, scope: Scope, output: Option) -> str | None:
    """The path below the output folder; None where it is elsewhere, or is not known."""
    if flow.origin(value, Frame(scope)) == output:
        return ""
    parts: list[ast.expr] = []
    if isinstance(value, ast.Call) and callee(value) == "join":
        parts = value.args
    elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div):
        parts = [value.left, value.right]
    if len(parts) < 2 or flow.origin(parts[0], Frame(scope)) != output:
        return None
    names = [literal(p) for p in parts[1:]]
    return "".join(f"/{n}" for n in names) if all(isinstance(n, str) for n in names) else None


def _fixed(flow: Flow) -> Iterator[tuple[str, ast.Call, Scope]]:
    for name, place in WRITERS.items():
        for call, scope in flow.index.calls.get(name, []):
            if name == "open" and not _writes(call):
                continue
            if name == "dump" and dotted(call.func).partition(".")[0] not in ("joblib",):
                continue
            values = [k.value for k in call.keywords if k.arg in ("path", "f", "fname", "log_dir", "path_or_buf")]
            values += [call.args[place]] if len(call.args) > place else []
            for value in values:
                path = _constant(flow, value, scope)
                if path:
                    yield path, call, scope


def _writes(call: ast.Call) -> bool:
    mode = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "mode"), None)
    text = literal(mode)
    return isinstance(text, str) and bool(set(text) & set("wax"))


def _constant(flow: Flow, value: ast.expr, scope: Scope) -> str:
    """The path, where it is a constant; empty otherwise."""
    text = literal(value)
    if isinstance(text, str):
        return text
    if isinstance(value, ast.Name):
        made = scope.names.get(value.id) or (scope.parent.names.get(value.id) if scope.parent else None) or []
        texts = [literal(d.value) for d in made]
        if len(texts) == 1 and isinstance(texts[0], str):
            return texts[0]
    if isinstance(value, ast.Call) and callee(value) in ("join", "Path") and value.args:
        parts = [_constant(flow, a, scope) for a in value.args]
        return "/".join(parts) if all(parts) else ""
    return ""


def _loaded(flow: Flow) -> set[str]:
    found = set()
    for call, scope in flow.index.calls.get("load", []):
        if call.args:
            found.add(_constant(flow, call.args[0], scope))
    return found - {""}
