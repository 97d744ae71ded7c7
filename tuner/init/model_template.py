"""The two files that `tuner init --model` writes; in the study file string.Template fills in what starts with $."""

MODEL = '''\
"""A model of your own for the tuner: a template that runs as it stands. Put your own layers and loss terms in.

The loss is the cross-entropy of the logits, which the tuner computes, plus each of the terms below times its weight.
The weights are knobs, <term>_weight, which the study file beside this one searches.
"""

import torch
from torch import nn
from torch.nn import functional as F


class MyModel(nn.Module):
    # Terms that can reach 0 by themselves: adaptive weighting strategies leave their weights alone.
    regularisers = ("sparsity",)

    def __init__(self, views, n_classes, hidden=32, dropout=0.3):
        """views: width of each view by its name; n_classes: of the logits; the rest: `arguments` in the study file."""
        super().__init__()
        # Lists, in the order of the views: a ModuleDict refuses some names that views have, such as wav2vec2.0.
        self.encode = nn.ModuleList([nn.Linear(width, hidden) for width in views.values()])
        self.decode = nn.ModuleList([nn.Linear(hidden, width) for width in views.values()])
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden * len(views), n_classes))

    def forward(self, batch):
        """Some rows to logits and loss terms.

        batch.views    view's name to (n, width), standardised
        batch.x        (n, all widths), the views side by side
        batch.lengths  (dialogues,), rows of each dialogue, in order; ones where rows are independent
        batch.labels   (n,), -1 without a label; in evaluation all are -1

        Returns the logits (n, n_classes), the terms by name, each a scalar tensor (a mean over the rows), and if there
        is one the reconstruction of batch.x, which is then measured too.
        """
        codes = [torch.relu(layer(view)) for layer, view in zip(self.encode, batch.views.values())]
        logits = self.classify(torch.cat(codes, dim=1))
        reconstruction = torch.cat([layer(code) for layer, code in zip(self.decode, codes)], dim=1)
        terms = {
            "reconstruction": F.mse_loss(reconstruction, batch.x),
            "sparsity": torch.stack([code.mean() for code in codes]).mean(),
        }
        return logits, terms, reconstruction
'''

STUDY = """\
# Written by `tuner init --model`. The model is in $model, which is yours to change.
# Everything here may be changed; `tuner start` says on which line something is wrong.
# Run it with: tuner start $file
$problems
description: "The weights of a model of my own"

$about
data: $data

# The file, which is run, and the class in it; arguments go to the class, beside the views and the number of classes.
model: {file: $quoted, arguments: {hidden: 32}}

# A yardstick on validation, never a weighted loss. Also val/macro_f1 (every class counts the same), val/accuracy,
# val/cross_entropy, and where forward returns a reconstruction val/mse, val/mae.
objective: val/weighted_f1

# The baseline is among the trials and is never pruned.
training: {epochs: 30}
search: {trials: 40}

knobs:
  # <term>_weight for each term that forward returns. A term without a knob has the weight 1.
  # Not guessed: put in what suits your terms; a best value at an end of its range is reported.
  reconstruction_weight: {low: 0.001, high: 10.0, log: true}
  sparsity_weight: {low: 0.001, high: 10.0, log: true}
  # How weights change during training; also uncertainty, dwa. warmup raises them from 0 over warmup_epochs; those of
  # regularisers stay as they are.
  weighting: {choices: [fixed, warmup, ema_inverse]}
  warmup_epochs: {low: 1, high: 6}
  # Of the classification, which is the tuner's: focal gives less weight to rows that are right already.
  # classification_loss: {choices: [cross_entropy, focal]}
  # focal_gamma: {low: 0.5, high: 4.0}
  # class_weights: {choices: [none, balanced]}

# What is to be beaten: put in the weights that you use today. It is enqueued first.
baseline: {reconstruction_weight: 0.1, sparsity_weight: 0.01}

# Further configurations to try, by name; `tuner validate` compares them with the baseline.
plans:
  light: {reconstruction_weight: 0.03, sparsity_weight: 0.003}

# Of the split, the initial weights, the batch order, dropout and the search.
seed: 0
"""
