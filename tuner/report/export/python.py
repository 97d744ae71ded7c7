"""The loss of a config as a PyTorch module of its own, to paste into training code."""

from __future__ import annotations

import json
from textwrap import indent
from types import ModuleType
from typing import Any

from trainer.config import KNOBS, LossConfig
from trainer.knobs import Config
from trainer.registry import load, names
from tuner.errors import InputError

LOSSES, STRATEGIES = "trainer.losses.reconstruction", "trainer.weighting"
"""Where the losses and strategies are, one module each with its exported form as `EXPORT`."""

CONTRASTIVE = """\
a, b = F.normalize(z[known].float(), dim=-1), F.normalize(z_inter[known].float(), dim=-1)
pairs, same = a @ b.T / {contrastive_temperature}, torch.arange(len(a), device=a.device)
contrastive = 0.5 * (F.cross_entropy(pairs, same) + F.cross_entropy(pairs.T, same))
if len(a) < 2:
    contrastive = 0.0 * (a.sum() + b.sum())
"""


def as_python(config: Config, provenance: dict[str, Any]) -> str:
    """Source of a module with a class `TunedLoss`; needs torch alone.

    Raises InputError for a loss of the user's own model, and for a reconstruction loss or weighting strategy that is
    without an exported form.
    """
    if not isinstance(config, LossConfig):
        raise InputError(
            "--format python writes the loss of the built-in model; this study trains code of your own, where the loss "
            "is: use --format yaml, json or args for its weights"
        )
    loss = _exported(LOSSES, config.reconstruction_loss, "reconstruction_loss")
    strategy = _exported(STRATEGIES, config.weighting, "weighting")
    values = {name: repr(config.value(name)) for name, knob in KNOBS.items() if knob.kind != "word"}
    weights = {"classification": 1.0}
    weights |= {"reconstruction": config.encoder_loss_weight} if config.encoder_loss_weight > 0 else {}
    weights |= {"contrastive": config.contrastive_weight} if config.contrastive_weight > 0 else {}
    values["count"] = str(len(weights))
    values["rising"] = f"[{', '.join('rise' if name == 'reconstruction' else '1.0' for name in weights)}]"
    body = _terms(config, values, weights, loss.EXPORT, strategy.EXPORT)
    state = _fill(getattr(strategy, "EXPORT_STATE", ""), values)
    if config.class_weights == "balanced":
        state += 'self.register_buffer("class_weights", counts.sum() / (len(counts) * counts.float().clamp(min=1)))\n'
    arguments = ", ".join(["self", *_arguments(config, weights, strategy.EXPORT)])
    return "".join(
        [
            f'"""{_about(config, provenance)}"""\n\n',
            "import math\n\n" if "math." in body + state else "",
            "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n",
            f"class TunedLoss(nn.Module):\n{indent(_docstring(config, weights, strategy.EXPORT), '    ')}",
            _init(config, state),
            f"\n    def forward({arguments}):\n{indent(body, ' ' * 8)}",
            getattr(strategy, "EXPORT_END_EPOCH", ""),
        ]
    )


def _exported(package: str, name: str, what: str) -> ModuleType:
    """The module of a loss or strategy that has an exported form; raises InputError, with those that have one."""
    modules = {known: load(package, known, what) for known in names(package)}
    forms = {known: module for known, module in modules.items() if hasattr(module, "EXPORT")}
    if name not in forms:
        raise InputError(f"--format python cannot express {what} {name!r}; it knows: {', '.join(forms)}")
    return forms[name]


def _terms(config: LossConfig, values: dict[str, str], weights: dict[str, float], loss: str, strategy: str) -> str:
    """The body of `forward`; loss, strategy: the exported forms."""
    lines = [
        "known = labels >= 0",
        "safe = labels.clamp(min=0)",
        "log_p = F.log_softmax(logits.float(), dim=-1).gather(1, safe[:, None]).squeeze(1)",
        "weight = known.float()" + (" * self.class_weights[safe]" if config.class_weights == "balanced" else ""),
    ]
    gamma = _number(config.focal_gamma)
    focal = f" * (1 - log_p.exp()).clamp(min=1e-6) ** {gamma}" if config.focal_gamma > 0 else ""
    lines.append(f"loss = -log_p{focal}")
    lines.append("classification = (loss * weight).sum() / weight.sum().clamp(min=1e-37)")
    if "reconstruction" in weights:
        mean = _fill(loss, values)
        lines.append("x = inputs.float()")
        lines.append(f"reconstruction = sum(\n    {mean}\n    for made in (r.float() for r in reconstructions)\n)")
    text = "\n".join(lines) + "\n"
    if "contrastive" in weights:
        text += _fill(CONTRASTIVE, values)
    text += f"terms = torch.stack([{', '.join(weights)}])\n"
    text += f"base = terms.new_tensor([{', '.join(_number(weight) for weight in weights.values())}])\n"
    text += _fill(strategy, values)
    if config.gate_reg_weight > 0:
        text += "gate = sum((g[known].float() - 0.5).square().sum() / max(g[known].numel(), 1) for g in gates)\n"
        return text + f"return total + {_number(config.gate_reg_weight)} * gate\n"
    return text + "return total\n"


def _arguments(config: LossConfig, weights: dict[str, float], strategy: str) -> list[str]:
    return [
        "logits",
        "labels",
        *(["inputs", "reconstructions"] if "reconstruction" in weights else []),
        *(["gates"] if config.gate_reg_weight > 0 else []),
        *(["z", "z_inter"] if "contrastive" in weights else []),
        *(["progress"] if "progress" in strategy else []),
    ]


def _docstring(config: LossConfig, weights: dict[str, float], strategy: str) -> str:
    what = {
        "inputs": "inputs (n, D): what is reconstructed, standardised",
        "reconstructions": "reconstructions: a list of (n, D); their losses are added up",
        "gates": "gates: a list of (n, H) in [0, 1], kept away from both ends",
        "z": "z, z_inter (n, H): two representations of the same rows",
        "progress": "progress: epochs trained so far, with fractions (step / steps an epoch)",
        "counts": "counts (C,): training rows of each class, given to the constructor",
    }
    named = [*_arguments(config, weights, strategy), *(["counts"] if config.class_weights == "balanced" else [])]
    lines = ["logits (n, C); labels (n,) int64, -1 without a label", *(what[name] for name in named if name in what)]
    return '"""The total loss, a scalar.\n\n' + "".join(f"{line}\n" for line in lines) + '"""\n'


def _init(config: LossConfig, state: str) -> str:
    if not state:
        return ""
    counts = ", counts" if config.class_weights == "balanced" else ""
    return f"\n    def __init__(self{counts}):\n        super().__init__()\n{indent(state, ' ' * 8)}"


def _about(config: LossConfig, provenance: dict[str, Any]) -> str:
    """Title, knobs and provenance, as text that cannot end the docstring."""
    title = f"The loss of trial {provenance['trial']} of study {provenance['study']}, written by `tuner export`.\n\n"
    knobs = title + "".join(f"{name}: {value}\n" for name, value in config.knobs().items())
    text = knobs + "".join(f"{name}: {json.dumps(value)}\n" for name, value in provenance.items())
    return text.replace("\\", "/").replace('"""', "'''")


def _fill(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _number(value: float) -> str:
    return repr(float(value))
