"""Training scripts to adopt: small, in plain Python, so that a run takes no longer than Python does to start."""

from pathlib import Path

MODEL = """
class Model:
    def __init__(self, gate_reg_weight):
        self.gate_reg_weight = gate_reg_weight
        self.w = [random.uniform(-1, 1), random.uniform(-1, 1)]

    def reconstruction(self):
        return (self.w[0] - 2 * self.w[1]) ** 2

    def gates(self):
        return self.w[1] ** 2
"""
LOSS = """
def total_loss(model, args):
    classification = (model.w[0] - 1.0) ** 2
    return classification + {terms}
"""
MAIN = """
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder_loss_weight", type=float, default=0.05)
    parser.add_argument("--fusion_recon_weight", type=float, default=1.0)
    parser.add_argument("--gate_reg_weight", type=float, default=0.01)
    parser.add_argument("--cl_loss_weight", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    random.seed({seed})
    model = Model({gate})
    best = 0.0
    for epoch in range(1, args.epochs + 1):
        for i in (0, 1):
            before = total_loss(model, args)
            model.w[i] += 1e-4
            gradient = (total_loss(model, args) - before) / 1e-4
            model.w[i] -= 1e-4 + 0.1 * gradient
        loss = total_loss(model, args)
        dev_f1 = 1 / (1 + (model.w[0] - 0.9) ** 2)
        test_f1 = 1 / (1 + (model.w[0] - 0.8) ** 2)
        print(f"[Epoch {{epoch}}] [Loss: {{loss:.6f}}] [Dev F1: {{dev_f1:.6f}}] [Test F1: {{test_f1:.6f}}]")
        if {picked} > best:
            best = {picked}
    print(f"best {{best:.4f}}")


main()
"""


def write(path: Path, *, planted: bool) -> Path:
    """A script with six flags: with an inert one, two that multiply, a seed that is ignored, and the best epoch picked
    on test; or its clean twin."""
    own = "args.fusion_recon_weight * model.w[1] ** 4"
    multiplied = "args.encoder_loss_weight * args.fusion_recon_weight * model.reconstruction()"
    terms = multiplied if planted else f"args.encoder_loss_weight * model.reconstruction() + {own}"
    terms += " + args.cl_loss_weight * abs(model.w[1])"
    terms += "" if planted else " + model.gate_reg_weight * model.gates()"
    main = MAIN.format(
        seed="24" if planted else "args.seed", gate="args.gate_reg_weight", picked="test_f1" if planted else "dev_f1"
    )
    path.write_text("import argparse\nimport random\n" + MODEL + LOSS.format(terms=terms) + main)
    return path
