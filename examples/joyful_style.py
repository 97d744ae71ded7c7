"""A training script in the style of JOYFUL's: flags in, lines of log out. It knows nothing of the tuner.

It trains a small gated auto-encoder classifier on the embedded data (HTAD: audio and wrist accelerometer, seven home
activities): total = classification + encoder_loss_weight * (reconstruction + gate_reg_weight * gate regularisation),
with the gate term nested inside the encoder loss, as the original has it.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.nn import functional as F

from trainer.data import load


class GatedAutoencoder(nn.Module):
    def __init__(self, width, n_classes, hidden, dropout):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(width, hidden), nn.Tanh())
        self.gates = nn.ModuleDict({name: nn.Linear(hidden, hidden) for name in ("temporal", "forget", "input")})
        self.context = nn.Parameter(torch.zeros(hidden))
        self.decode = nn.Linear(hidden, width)
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, n_classes))

    def forward(self, x):
        z = self.encode(x)
        gates = {name: F.hardtanh(0.5 + gate(z), 0.0, 1.0) for name, gate in self.gates.items()}
        mixed = gates["temporal"] * (gates["forget"] * self.context + gates["input"] * z)
        return self.classify(mixed), self.decode(mixed), gates


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder_loss_weight", type=float, default=0.05)
    parser.add_argument("--gate_reg_weight", type=float, default=0.01)
    parser.add_argument("--use_smooth_l1", action="store_true")
    parser.add_argument("--class_weight", action="store_true")
    parser.add_argument("--learning_rate", type=float, default=2e-3)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=24)
    parser.add_argument("--save_dir", type=Path)
    args = parser.parse_args()
    random.seed(args.seed)
    np.random.seed(args.seed % 2**32)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)

    data = load("htad", seed=args.seed)
    train, dev, test = (data.rows(part) for part in (0, 1, 2))
    x = data.matrix()
    x = torch.from_numpy((x - x[train].mean(0)) / (x[train].std(0) + 1e-6))
    y = torch.from_numpy(data.labels)
    weight = None
    if args.class_weight:
        counts = torch.bincount(y[train], minlength=data.n_classes)
        weight = counts.sum() / (data.n_classes * counts)

    model = GatedAutoencoder(x.shape[1], data.n_classes, args.hidden, args.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.learning_rate)
    reconstruct = F.smooth_l1_loss if args.use_smooth_l1 else F.mse_loss
    best = 0.0
    for epoch in range(1, args.epochs + 1):
        started, total = time.perf_counter(), 0.0
        model.train()
        for rows in np.array_split(np.random.permutation(train), len(train) // args.batch_size):
            logits, reconstruction, gates = model(x[rows])
            gate_reg = sum((gate - 0.5).square().mean() for gate in gates.values())
            encoder_loss = reconstruct(reconstruction, x[rows]) + args.gate_reg_weight * gate_reg
            loss = F.cross_entropy(logits, y[rows], weight) + args.encoder_loss_weight * encoder_loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        scores = {
            name: evaluate(model, x[rows], y[rows]) for name, rows in (("train", train), ("dev", dev), ("test", test))
        }
        print(
            f"[Epoch {epoch}] [Loss: {total / len(train):.4f}] [Train F1: {scores['train']:.4f}] "
            f"[Time: {time.perf_counter() - started:.2f}]"
        )
        print(f"[Dev set] [f1 {scores['dev']:.4f}]")
        print(f"[Test set] [f1 {scores['test']:.4f}]")
        if scores["dev"] > best and args.save_dir:
            best = scores["dev"]
            torch.save(model.state_dict(), args.save_dir / "best.pt")


@torch.no_grad()
def evaluate(model, x, y):
    model.eval()
    return f1_score(y, model(x)[0].argmax(1), average="weighted", zero_division=0)


if __name__ == "__main__":
    main()
