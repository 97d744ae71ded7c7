"""The multimodal gated-fusion auto-encoder classifier. Shapes: n rows, D features, H hidden, C classes, K members."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.config import ModelConfig
from trainer.models.context import ENCODERS
from trainer.models.dropout import Dropout
from trainer.models.gates import DialogueGate, UtteranceGate
from trainer.models.intermodal import InterModal
from trainer.stacked import Weights, aligned, layer_norm, linear


@dataclass(frozen=True, slots=True)
class Output:
    """What a model says of n rows; what K models say is (K, features, n) throughout."""

    logits: Tensor
    """(n, C)"""
    reconstruction_global: Tensor
    """(n, D), from the gated fusion"""
    reconstruction_inter: Tensor
    """(n, D), from the inter-modal branch"""
    gates: dict[str, Tensor]
    """utterance, temporal, forget, input; (n, H) each, in [0, 1]"""
    z: Tensor
    """(n, H), the gated fusion"""
    z_inter: Tensor
    """(n, H), the inter-modal fusion"""

    @property
    def reconstructions(self) -> tuple[Tensor, ...]:
        """(n, D) each"""
        return self.reconstruction_global, self.reconstruction_inter


class GatedFusion(nn.Module):
    """Fuses the views of a row twice, reconstructs them from each fusion, and classifies from both.

    widths: features of each view, D their sum. The input is standardised. LayerNorm rather than BatchNorm: a row's
    output must not depend on which rows share its batch.
    """

    def __init__(self, widths: tuple[int, ...], n_classes: int, config: ModelConfig, context: str) -> None:
        super().__init__()
        total, hidden = sum(widths), config.hidden
        self.drop_in = Dropout(config.dropout * 0.5)
        self.utterance = UtteranceGate(total, hidden)
        self.dialogue = DialogueGate(hidden)
        self.decode_in = nn.Linear(hidden, 2 * hidden)
        self.decode_out = nn.Linear(2 * hidden, total)
        self.inter = InterModal(widths, config.view_width, hidden)
        self.norm = nn.LayerNorm(2 * hidden)
        self.drop_fused = Dropout(config.dropout)
        self.context = ENCODERS[context](2 * hidden, config.context_layers, config.dropout)
        self.classify_in = nn.Linear(2 * hidden, hidden)
        self.drop_out = Dropout(config.dropout)
        self.classify_out = nn.Linear(hidden, n_classes)

    def forward(self, x: Tensor, lengths: Tensor) -> Output:
        """x (n, D); lengths (S,) on the CPU: rows of each dialogue, in order, summing to n."""
        seen = self.drop_in(x)
        z, utterance = self.utterance(seen)
        mixed, gates = self.dialogue(z)
        rec_global = self.decode_out(torch.tanh(self.decode_in(mixed)))
        z_inter, rec_inter = self.inter(seen)
        fused = self.drop_fused(self.norm(torch.cat([z, z_inter], dim=-1)))
        told = self.context(fused, lengths)
        logits = self.classify_out(self.drop_out(torch.relu(self.classify_in(told))))
        return Output(logits, rec_global, rec_inter, {"utterance": utterance, **gates}, z, z_inter)

    def stacked(self, w: Weights, x: Tensor, lengths: Tensor) -> Output:
        """`forward` of K members with parameters `w` of their own; lengths are shared, and so are x and the masks, or
        x is (K, n, D).

        Every tensor of the output is (K, features, n). Products of weights (K, out, in) with activations (K, in, n)
        measured faster than activations (K, n, in), and a sum over features runs along whole vectors of rows.
        """
        seen = self.drop_in(x).mT
        seen = seen.contiguous() if seen.dim() == 2 else aligned(seen)
        z, utterance = self.utterance.stacked(w.of("utterance"), seen)
        mixed, gates = self.dialogue.stacked(w.of("dialogue"), z)
        rec_global = linear(w.of("decode_out"), linear(w.of("decode_in"), mixed, "tanh"))
        z_inter, rec_inter = self.inter.stacked(w.of("inter"), seen)
        both = torch.cat([z, z_inter], dim=1).transpose(1, 2)
        fused = self.drop_fused(layer_norm(w.of("norm"), both))  # (K, n, 2H)
        told = self.context.stacked(w.of("context"), fused, lengths).transpose(1, 2)
        logits = linear(w.of("classify_out"), self.drop_out.stacked(linear(w.of("classify_in"), told, "relu")))
        return Output(logits, rec_global, rec_inter, {"utterance": utterance, **gates}, z, z_inter)

    def shared_parameters(self) -> list[nn.Parameter]:
        """The encoders that classification and reconstruction share, where their gradients may conflict."""
        return [
            *self.utterance.parameters(),
            *self.inter.project.parameters(),
            *self.inter.compress.parameters(),
        ]
