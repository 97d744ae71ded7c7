"""Options are read in each style, with their flags, defaults and choices, and followed to the loss."""

from pathlib import Path

import pytest

from tuner.adopt.model import Reading
from tuner.adopt.reading import read
from tuner.errors import InputError

LOOP = """
    total_loss = task(1) + beta * reconstruction(2)
    print(f"epoch {epochs} val acc {total_loss:.4f}")
"""
STYLES = {
    "argparse": (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--beta', type=float, default=0.1)\n"
        "p.add_argument('--epochs', type=int, default=3)\na = p.parse_args()\nloss = task(1) + a.beta * rec(2)\n"
        "for e in range(a.epochs): print('epoch', e, 'val acc', loss)\n",
        "--beta {beta}",
    ),
    "click": (
        "import click\n@click.command()\n@click.option('--beta', default=0.1)\n@click.option('--epochs', default=3)\n"
        f"def main(beta, epochs):{LOOP}",
        "--beta {beta}",
    ),
    "typer": (f"import typer\ndef main(beta: float = 0.1, epochs: int = 3):{LOOP}\ntyper.run(main)\n", "--beta {beta}"),
    "dataclasses": (
        "import tyro\nfrom dataclasses import dataclass\n@dataclass\nclass Args:\n    beta: float = 0.1\n"
        "    epochs: int = 3\nargs = tyro.cli(Args)\nloss = task(1) + args.beta * rec(2)\n"
        "for e in range(args.epochs): print(f'epoch {e} val acc {loss}')\n",
        "--beta {beta}",
    ),
    "lightning_cli": (
        "from lightning.pytorch.cli import LightningCLI\nfrom lightning.pytorch import LightningModule\n"
        "class Net(LightningModule):\n    def __init__(self, beta: float = 0.1):\n        super().__init__()\n"
        "        self.beta = beta\n    def training_step(self, batch, i):\n"
        "        loss = task(batch) + self.beta * rec(batch)\n        self.log('val/acc', loss)\n        return loss\n"
        "LightningCLI(Net)\n",
        "--model.beta {beta}",
    ),
    "hydra": (
        "import hydra\n@hydra.main(config_path='conf', config_name='config')\ndef main(cfg):\n"
        "    loss = task(1) + cfg.model.beta * rec(2)\n    print(f'epoch {cfg.epochs} val acc {loss}')\nmain()\n",
        "model.beta={model_beta}",
    ),
}


def reading_of(folder: Path, code: str) -> Reading:
    (folder / "conf").mkdir(exist_ok=True)
    # A circle of defaults is not followed for ever.
    (folder / "conf" / "config.yaml").write_text("defaults: [_self_, config]\nmodel: {beta: 0.1}\nepochs: 3\n")
    (folder / "fit.py").write_text(code)
    return read(folder / "fit.py")


@pytest.mark.parametrize("style", STYLES)
def test_a_weight_is_read_and_followed_to_the_loss(tmp_path: Path, style: str) -> None:
    code, placed = STYLES[style]
    reading = reading_of(tmp_path, code)
    assert reading.styles == (style,)
    (name,) = (n for n, role in reading.roles.items() if role == "weight")
    option = next(o for o in reading.options if o.name == name)
    assert option.placed() == placed and option.default == 0.1 and option.kind == "float"
    assert not [f for f in reading.findings if f.kind in ("inert", "multiply", "scales")]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"def broken(:\n", "no Python"), (b"\0\0\0", "no Python"), (b"x = " + b"-" * 5000 + b"1\n", "no Python")],
)
def test_what_is_no_script_is_said_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "fit.py"
    file.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read(file)
    assert "\n" not in str(caught.value)


def test_missing_files_folders_notebooks_and_huge_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "big.py").write_bytes(b"#" * 3_000_000)
    (tmp_path / "note.ipynb").write_text("{}")
    for name, said in (("no.py", "no such file"), ("", "folder"), ("note.ipynb", "notebook"), ("big.py", "bytes")):
        with pytest.raises(InputError, match=said):
            read(tmp_path / name)


def test_calls_in_a_circle_end(tmp_path: Path) -> None:
    """Each function hands its parameters to all others: the ways back from a value grow without end."""
    functions = [
        f"def f{i}(a, b):\n" + "".join(f"    f{j}(b, a)\n    f{j}(a, b)\n" for j in range(12)) for i in range(12)
    ]
    code = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--w', type=float, default=1.0)\n"
    code += "\n".join(functions) + "\nloss = f0(1, 2)\n"
    assert [o.name for o in reading_of(tmp_path, code).options] == ["w"]
