"""The study file that `tuner init --data` writes; string.Template fills in what starts with $."""

STUDY = """\
$about
# Everything here may be changed; `tuner start` says on which line something is wrong.
# Run it with: tuner start $file
$problems
description: $description

# Found out from what the file holds. `labels: 0.1` would hide nine training labels in ten.
data: {source: $source, path: $path}

# A yardstick on validation, never a weighted loss. Also val/macro_f1 (every class counts the same), val/accuracy,
# val/cross_entropy, val/mse, val/mae.
objective: val/weighted_f1

$budget
# The baseline and the recommendation's plans are among the trials and are never pruned.
training: {epochs: $epochs}
search: {trials: $trials}

knobs:
  # Weight of the reconstruction term.
$encoder_loss_weight
  encoder_loss_weight: {low: $weight_low, high: $weight_high, log: true}
  # How a residual is measured, in standard deviations of a feature; also l1, log_cosh. Where residuals are small,
  # smooth_l1 is half of mse.
  reconstruction_loss: {choices: [mse, smooth_l1]}
  # Keeps gates away from 0 and 1.
$gate_reg_weight
  gate_reg_weight: {low: $gate_low, high: $gate_high, log: true}
  # focal gives less weight to rows that are right already; focal_gamma says how much less.
  classification_loss: {choices: [cross_entropy, focal]}
  focal_gamma: {low: 0.5, high: 4.0}
  # How weights change during training; also uncertainty, dwa. warmup raises encoder_loss_weight over warmup_epochs.
  weighting: {choices: [fixed, warmup, ema_inverse]}
  warmup_epochs: {low: 1, high: $warmup}
$class_weights
  ${unless_imbalanced}class_weights: {choices: [none, balanced]}

# What is to be beaten: put in what you use today. It is enqueued first; a knob that it does not name has its default.
baseline: {encoder_loss_weight: 0.05, reconstruction_loss: mse, gate_reg_weight: 0.01}

# Of the split, the initial weights, the batch order, dropout and the search.
seed: 0
"""
