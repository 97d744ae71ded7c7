"""How a script tells what it measures: lines, loggers, JSON, CSV, progress bars, TensorBoard, MLflow, Lightning."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuner.adopt.model import Logged
from tuner.adopt.scopes import Index, callee, dotted, last
from tuner.adopt.styles._common import literal

NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|-inf)"
SAYING = frozenset(
    [
        "print",
        "info",
        "debug",
        "warning",
        "log",
        "write",
        "write_log",
        "log_print",
        "printlog",
        "set_description",
        "tqdm_write",
        "echo",
    ]
)
SPLITS = (
    ("val", re.compile(r"(?<![a-z])(val|valid|validation|dev|eval|evaluation)(?![a-z])", re.I)),
    ("test", re.compile(r"(?<![a-z])(test|tst)(?![a-z])", re.I)),
    ("train", re.compile(r"(?<![a-z])(train|training|trn|tr)(?![a-z])", re.I)),
)
MEASURE = re.compile(
    r"f1|f_?score|acc|auc|auroc|\bap\b|map|bleu|rouge|loss|mae|mse|rmse|\br2\b|corr|prec|recall|\buar\b|\bwar\b|ppl|"
    r"perplexity|error|\berr\b|nll|elbo|kl|score|iou|dice|reward|return|psnr|ssim|fid|\bwer\b|\bcer\b|\beer\b|ccc|kappa|"
    r"\bmcc\b|accuracy|metric|bce|cost|objective",
    re.I,
)
LOWER = re.compile(
    r"loss|error|\berr\b|mse|mae|nll|ppl|perplexity|fid|\bwer\b|\bcer\b|\beer\b|kl\b|bce|cost|cross_?entropy", re.I
)
NOT_MEASURED = re.compile(
    r"\b(lr|time|elapsed|sec|secs|seconds|step|steps|batch|iter|eta|size|best|patience|count)\b", re.I
)
EPOCH = re.compile(r"(?<![a-z])(epochs?|ep|epoch_idx|epoch_i)(?![a-z])", re.I)


@dataclass(frozen=True)
class _Value:
    """A value that is put into a line."""

    name: str


Piece = str | _Value


def read(index: Index) -> tuple[Logged, ...]:
    """All numbers that look like measurements, each name once; `epoch` among them where lines say it."""
    found: dict[str, Logged] = {}
    lines = list(_lines(index))
    for pieces, where in lines:
        for name, pattern in _patterns(pieces):
            found.setdefault(name, Logged(name, pattern, where=where))
    found = {name: _apart(one, lines) for name, one in found.items()}
    for one in (*_objects(index), *_calls(index), *_bars(index)):
        found.setdefault(one.name, one)
    return tuple(found.values())


def objective(logged: Sequence[Logged]) -> Logged | None:
    """The one to search by: a validation score, else a validation loss, else a test score, else any."""

    def rank(one: Logged) -> tuple[int, int]:
        split, loss = split_of(one.name), lower_is_better(one.name)
        order = {
            ("val", False): 0,
            ("val", True): 1,
            ("test", False): 2,
            ("", False): 3,
            ("test", True): 4,
            ("", True): 5,
        }
        return order.get((split, loss), 6 + loss), ("weighted" in one.name and "f1" not in one.name) + 0

    candidates = [one for one in logged if one.name != "epoch"]
    return min(candidates, key=rank) if candidates else None


def lower_is_better(name: str) -> bool:
    """By the name of a metric."""
    return bool(LOWER.search(name.replace("_", " ")))


def split_of(text: str) -> str:
    """val, test or train, by a name or a line; empty where none is named. The last one counts."""
    plain = _plain(text)
    found = [(m.end(), split) for split, pattern in SPLITS for m in pattern.finditer(plain)]
    return max(found)[1] if found else ""


def _plain(text: str) -> str:
    """Words apart: `valAcc` and `val_acc` as `val acc`."""
    return re.sub(r"[_/]", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))


def _lines(index: Index) -> Iterator[tuple[list[Piece], str]]:
    for name in SAYING:
        for call, scope in index.calls.get(name, []):
            pieces = _of_call(call)
            if any(isinstance(p, _Value) for p in pieces):
                yield pieces, scope.module.where(call)


def _of_call(call: ast.Call) -> list[Piece]:
    arguments = [a for a in call.args if not isinstance(a, ast.Starred)]
    if len(arguments) > 1 and isinstance(arguments[0], ast.Constant) and "%" in str(arguments[0].value):
        return _percent(str(arguments[0].value), arguments[1:])
    found: list[Piece] = []
    for i, argument in enumerate(arguments):
        found += ([" "] if i else []) + _of(argument)
    return _joined(found)


def _of(node: ast.expr) -> list[Piece]:
    """The pieces of a text as it is put together."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return [p for v in node.values for p in (_of(v.value) if isinstance(v, ast.FormattedValue) else _of(v))]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and (_texty(node.left) or _texty(node.right)):
        return _of(node.left) + _of(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        return _percent(str(node.left.value), values)
    if isinstance(node, ast.Call):
        if callee(node) == "format" and isinstance(node.func, ast.Attribute):
            return _format(node.func.value, node)
        if callee(node) in ("str", "round", "float", "repr") and node.args:
            return _of(node.args[0])
    return [_Value(_name(node))]


def _texty(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _texty(node.left) or _texty(node.right)
    if isinstance(node, ast.Call):
        return callee(node) in ("str", "format")
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _name(node: ast.expr) -> str:
    """What a value is called in the code: `val_f1` of `100 * val_f1`, `np.mean(losses["val"])` as `losses val`."""
    words = []
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            words.append(child.id)
        elif isinstance(child, ast.Attribute):
            words.append(child.attr)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            words.append(child.value)
    skip = {"item", "mean", "np", "torch", "len", "round", "float", "sum", "avg", "args", "self", "numpy", "cpu"}
    return " ".join(w for w in words if w not in skip)


def _percent(text: str, values: Sequence[ast.expr]) -> list[Piece]:
    parts = re.split(r"%[-+ #0]*[\d*]*(?:\.\d+)?[sdifgeEGr]", text)
    return _interleaved([p.replace("%%", "%") for p in parts], [_Value(_name(v)) for v in values])


def _format(template: ast.expr, call: ast.Call) -> list[Piece]:
    text = "".join(p if isinstance(p, str) else "{}" for p in _of(template))
    parts = re.split(r"(\{[^{}]*\})", text)
    keywords = {k.arg: k.value for k in call.keywords}
    found: list[Piece] = []
    place = 0
    for part in parts:
        if part.startswith("{") and part.endswith("}"):
            key = re.split(r"[:!.\[]", part[1:-1])[0]
            if key in keywords:
                found.append(_Value(_name(keywords[key])))
                continue
            at = int(key) if key.isdigit() else place
            place += 1
            found.append(_Value(_name(call.args[at]) if at < len(call.args) else key))
        elif part:
            found.append(part)
    return found


def _interleaved(texts: Sequence[str], values: Sequence[_Value]) -> list[Piece]:
    found: list[Piece] = []
    for i, text in enumerate(texts):
        found.append(text)
        if i < len(texts) - 1:
            found.append(values[i] if i < len(values) else _Value(""))
    return [p for p in found if p != ""]


def _joined(pieces: list[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _patterns(pieces: list[Piece]) -> Iterator[tuple[str, str]]:
    """A name and a regular expression for each value of a line that is a measurement or the epoch."""
    said = ""
    for at, piece in enumerate(pieces):
        if isinstance(piece, str):
            said += piece
            continue
        before = pieces[at - 1] if at and isinstance(pieces[at - 1], str) else ""
        assert isinstance(before, str)
        label = _label(before)
        if EPOCH.search(_plain(label)) or (not label and EPOCH.search(_plain(piece.name))):
            if not re.search(r"[/|]\s*$", before) and not MEASURE.search(_plain(label)):
                yield "epoch", _pattern(pieces, at, _start(pieces, at, ""))
            continue
        name, split = _metric(label, piece.name, said)
        if name:
            yield name, _pattern(pieces, at, _start(pieces, at, split))


def _label(before: str) -> str:
    """The words right before a value: `Val F1` of `| Val F1: `."""
    tail = re.split(r"[|\[\](){},;\n\t]|\d\s|\s-\s", before.rstrip(" :=([\t>-"))[-1]
    return tail.strip(" :=-")


def _metric(label: str, name: str, said: str) -> tuple[str, str]:
    """The metric's name in the study file and its split; empty where the value is no measurement."""
    if NOT_MEASURED.search(_plain(label)) or NOT_MEASURED.search(_plain(name)):
        return "", ""
    measure = MEASURE.search(_plain(label))
    text = label if measure else name
    if not measure and not MEASURE.search(_plain(name)):
        return "", ""
    split = split_of(label) or split_of(name) or split_of(said)
    words = _plain(text)
    for _, pattern in SPLITS:
        words = pattern.sub(" ", words)
    words = re.sub(
        r"\b(set|the|on|at|avg|average|mean|total|epoch|args|res|results?|scores?(?=\s\w)|metrics?(?=\s\w))\b",
        " ",
        words,
        flags=re.I,
    )
    short = "_".join(re.findall(r"[A-Za-z0-9]+", words)).lower()
    if not short:
        short = "_".join(re.findall(r"[A-Za-z0-9]+", text)).lower()
    return (f"{split}/{short}" if split else short)[:60], split


def _start(pieces: list[Piece], at: int, split: str) -> int:
    """The piece at which a pattern begins: the nearest text with letters, or the one that names the split."""
    nearest = at
    for i in range(at - 1, -1, -1):
        piece = pieces[i]
        if isinstance(piece, str) and re.search(r"[A-Za-z]{2}|[A-Za-z]\W*$", piece):
            if nearest == at:
                nearest = i
            if not split or split_of(piece) == split:
                return i
    return nearest if nearest < at else 0


def _pattern(pieces: list[Piece], at: int, start: int) -> str:
    text = ""
    for i in range(start, at):
        piece = pieces[i]
        if isinstance(piece, str):
            shown = piece.rsplit("\n", 1)[-1] if "\n" in piece else piece
            if "\n" in piece:
                text = ""
            elif i == start:
                shown = _shortened(shown)
            text += _escaped(shown)
        else:
            text += r"\S+?" if i + 1 < at else r"\S*?"
    return text + (r"\s*" if not text.endswith((r"\s*", r"\s+")) else "") + NUMBER


def _shortened(text: str) -> str:
    """From the last bracket or bar on that still names something; a logger's own prefix is never part of it."""
    return text.lstrip()


def _escaped(text: str) -> str:
    parts = re.split(r"(\s+)", text)
    out = "".join(
        r"\s*" if p.isspace() and i == len(parts) - 2 and not parts[-1] else r"\s+" if p.isspace() else _plainly(p)
        for i, p in enumerate(parts)
    )
    return out


def _plainly(text: str) -> str:
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)


def sample(pieces: list[Piece]) -> str:
    """A line as the script would print it."""
    return "".join(p if isinstance(p, str) else "0.5" for p in pieces)


def _apart(one: Logged, lines: Sequence[tuple[list[Piece], str]]) -> Logged:
    """The metric with a pattern that no other line of the script matches."""
    if one.name == "epoch":
        return one
    others = [sample(p) for p, where in lines if where != one.where]
    if not any(re.search(one.pattern, text) for other in others for text in other.split("\n")):
        return one
    for pieces, where in lines:
        if where != one.where:
            continue
        for at, piece in enumerate(pieces):
            if (
                isinstance(piece, _Value)
                and _pattern(pieces, at, _start(pieces, at, split_of(one.name))) == one.pattern
            ):
                return Logged(one.name, _pattern(pieces, at, 0), where=where)
    return one


def _objects(index: Index) -> Iterator[Logged]:
    """Keys of JSON objects that are printed, and columns of CSV files."""
    for call, scope in index.calls.get("dumps", []):
        if call.args and dotted(call.func) in ("json.dumps", "ujson.dumps", "orjson.dumps", "dumps"):
            for key in _keys(call.args[0], index, scope):
                if key == "epoch" or MEASURE.search(_plain(key)):
                    yield Logged(key, form="json", where=scope.module.where(call))
    for call, scope in index.calls.get("DictWriter", []):
        names = next(
            (k.value for k in call.keywords if k.arg == "fieldnames"), call.args[1] if len(call.args) > 1 else None
        )
        for key in literal(names) or ():
            if isinstance(key, str) and (key == "epoch" or MEASURE.search(_plain(key))):
                yield Logged(key, form="csv", where=scope.module.where(call))
    for call, scope in index.calls.get("writerow", []):
        row = literal(call.args[0]) if call.args else None
        if isinstance(row, (list, tuple)) and row and all(isinstance(x, str) for x in row):
            for key in row:
                if key == "epoch" or MEASURE.search(_plain(key)):
                    yield Logged(key, form="csv", where=scope.module.where(call))


def _keys(node: ast.expr, index: Index, scope: object) -> Iterator[str]:
    if isinstance(node, ast.Dict):
        yield from (k.value for k in node.keys if isinstance(k, ast.Constant) and isinstance(k.value, str))
    elif isinstance(node, ast.Call) and callee(node) == "dict":
        yield from (k.arg for k in node.keywords if k.arg)
    elif isinstance(node, ast.Name):
        for made in getattr(scope, "names", {}).get(node.id, []):
            if isinstance(made.value, ast.Dict):
                yield from _keys(made.value, index, scope)


def _calls(index: Index) -> Iterator[Logged]:
    """TensorBoard, MLflow, Lightning and wandb, by the name that is given to each number."""
    forms = {"add_scalar": "tensorboard", "log_metric": "mlflow", "log": "lightning"}
    for name, form in forms.items():
        for call, scope in index.calls.get(name, []):
            text = _text(call.args[0]) if len(call.args) > 1 else None
            if form == "lightning" and last(getattr(call.func, "value", call.func)) not in (
                "self",
                "pl_module",
                "module",
            ):
                continue
            if text and MEASURE.search(_plain(text)):
                yield Logged(text, form=form, where=scope.module.where(call))
    for name, form in (("log_metrics", "mlflow"), ("log_dict", "lightning")):
        for call, scope in index.calls.get(name, []):
            for key in _keys(call.args[0], index, scope) if call.args else ():
                if MEASURE.search(_plain(key)):
                    yield Logged(key, form=form, where=scope.module.where(call))


def _text(node: ast.expr) -> str | None:
    value = literal(node)
    return value if isinstance(value, str) else None


def _bars(index: Index) -> Iterator[Logged]:
    """What a tqdm bar shows behind it."""
    for call, scope in index.calls.get("set_postfix", []):
        given = [k.arg for k in call.keywords if k.arg]
        given += list(_keys(call.args[0], index, scope)) if call.args else []
        for key in given:
            if MEASURE.search(_plain(key)) or key == "epoch":
                yield Logged(key, rf"\b{_plainly(key)}={NUMBER}", where=scope.module.where(call))
