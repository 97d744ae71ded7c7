"""The loss of a config as a PyTorch module of its own, to paste into training code."""

from __future__ import annotations

import json
from textwrap import indent
from typing import Any

from trainer.config import LossConfig
from trainer.knobs import Config
from tuner.errors import InputError

RECONSTRUCTION = {
    "mse": "F.mse_loss(made, x)",
    "l1": "F.l1_loss(made, x)",
    "smooth_l1": "F.smooth_l1_loss(made, x, beta={smooth_l1_beta})",
    "log_cosh": "(made - x).abs().add(F.softplus(-2 * (made - x).abs())).mean() - math.log(2)",
}
"""The mean of each reconstruction loss between `made` and `x`."""

STATE = {
    "fixed": "",
    "warmup": "",
    "ema_inverse": 'self.register_buffer("means", torch.full(({count},), math.nan))\n',
    "uncertainty": "self.log_variance = nn.Parameter(torch.zeros({count}))  # to the optimiser, without decay\n",
    "dwa": (
        'self.register_buffer("history", torch.full((2, {count}), math.nan, dtype=torch.float64))\n'
        'self.register_buffer("sums", torch.zeros(2, {count}, dtype=torch.float64))\n'
    ),
}
"""What each weighting strategy keeps, over {count} terms that it balances."""

WEIGHTS = {
    "fixed": "total = (base * terms).sum()\n",
    "warmup": (
        "rise = min(1.0, progress / {warmup_epochs})\ntotal = (base * terms.new_tensor({rising}) * terms).sum()\n"
    ),
    "ema_inverse": """\
now = terms.detach()
means = torch.where(self.means.isnan(), now, {ema_momentum} * self.means + (1 - {ema_momentum}) * now)
means = torch.where(now == 0, self.means, means)  # a batch without labels says nothing
if self.training:
    self.means.copy_(means)
factor = (means[0] / means.clamp(min=1e-12)).clamp(1 / {ema_range}, {ema_range}).nan_to_num(1.0)
factor[0] = 1.0
total = (base * factor * terms).sum()
""",
    "uncertainty": "s = self.log_variance\ntotal = (0.5 * torch.exp(-s) * base * terms).sum() + 0.5 * s.sum()\n",
    "dwa": """\
if self.training:
    counts = torch.ones_like(terms)
    counts[0] = (terms[0] != 0).to(counts.dtype)  # a batch without labels says nothing
    self.sums += torch.stack([terms.detach(), counts])
factor = torch.ones_like(self.history[0])
if not self.history.isnan().any():
    ratio = self.history[1] / self.history[0].clamp(min=1e-12)
    factor = len(ratio) * torch.softmax(ratio / {dwa_temperature}, dim=0)
total = (base * factor.to(terms.dtype) * terms).sum()
""",
}
"""How each weighting strategy makes the total of the terms that it balances."""

END_EPOCH = '''
    def end_epoch(self):
        """Call after each training epoch."""
        self.history = torch.stack([self.history[1], self.sums[0] / self.sums[1]])
        self.sums.zero_()
'''

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
    not known here.
    """
    if not isinstance(config, LossConfig):
        raise InputError(
            "--format python writes the loss of the built-in model; this study trains code of your own, where the loss "
            "is: use --format yaml, json or args for its weights"
        )
    for what, known in (("reconstruction_loss", RECONSTRUCTION), ("weighting", STATE)):
        if config.value(what) not in known:
            raise InputError(
                f"--format python cannot express {what} {config.value(what)!r}; it knows: {', '.join(sorted(known))}"
            )
    values = {name: _number(config.value(name)) for name in ("ema_momentum", "ema_range", "dwa_temperature")}
    values |= {name: _number(config.value(name)) for name in ("smooth_l1_beta", "contrastive_temperature")}
    weights = {"classification": 1.0}
    weights |= {"reconstruction": config.encoder_loss_weight} if config.encoder_loss_weight > 0 else {}
    weights |= {"contrastive": config.contrastive_weight} if config.contrastive_weight > 0 else {}
    values["count"] = str(len(weights))
    values["warmup_epochs"] = str(config.warmup_epochs)
    values["rising"] = f"[{', '.join('rise' if name == 'reconstruction' else '1.0' for name in weights)}]"
    body = _terms(config, values, weights)
    state = _fill(STATE[config.weighting], values)
    if config.class_weights == "balanced":
        state += 'self.register_buffer("class_weights", counts.sum() / (len(counts) * counts.float().clamp(min=1)))\n'
    return "".join(
        [
            f'"""{_about(config, provenance)}"""\n\n',
            "import math\n\n" if "math." in body + state else "",
            "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n",
            f"class TunedLoss(nn.Module):\n{indent(_docstring(config, weights), '    ')}",
            _init(config, state),
            f"\n    def forward({', '.join(['self', *_arguments(config, weights)])}):\n{indent(body, ' ' * 8)}",
            END_EPOCH if config.weighting == "dwa" else "",
        ]
    )


def _terms(config: LossConfig, values: dict[str, str], weights: dict[str, float]) -> str:
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
        mean = _fill(RECONSTRUCTION[config.reconstruction_loss], values)
        lines.append("x = inputs.float()")
        lines.append(f"reconstruction = sum(\n    {mean}\n    for made in (r.float() for r in reconstructions)\n)")
    text = "\n".join(lines) + "\n"
    if "contrastive" in weights:
        text += _fill(CONTRASTIVE, values)
    text += f"terms = torch.stack([{', '.join(weights)}])\n"
    text += f"base = terms.new_tensor([{', '.join(_number(weight) for weight in weights.values())}])\n"
    text += _fill(WEIGHTS[config.weighting], values)
    if config.gate_reg_weight > 0:
        text += "gate = sum((g[known].float() - 0.5).square().sum() / max(g[known].numel(), 1) for g in gates)\n"
        return text + f"return total + {_number(config.gate_reg_weight)} * gate\n"
    return text + "return total\n"


def _arguments(config: LossConfig, weights: dict[str, float]) -> list[str]:
    return [
        "logits",
        "labels",
        *(["inputs", "reconstructions"] if "reconstruction" in weights else []),
        *(["gates"] if config.gate_reg_weight > 0 else []),
        *(["z", "z_inter"] if "contrastive" in weights else []),
        *(["progress"] if config.weighting == "warmup" else []),
    ]


def _docstring(config: LossConfig, weights: dict[str, float]) -> str:
    what = {
        "inputs": "inputs (n, D): what is reconstructed, standardised",
        "reconstructions": "reconstructions: a list of (n, D); their losses are added up",
        "gates": "gates: a list of (n, H) in [0, 1], kept away from both ends",
        "z": "z, z_inter (n, H): two representations of the same rows",
        "progress": "progress: epochs trained so far, with fractions (step / steps an epoch)",
        "counts": "counts (C,): training rows of each class, given to the constructor",
    }
    named = [*_arguments(config, weights), *(["counts"] if config.class_weights == "balanced" else [])]
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
