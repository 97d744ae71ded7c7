"""HTAD: 1,386 rows of wrist-accelerometer (16) and audio (36) features of 7 home tasks.

The file comes with the PyPI package `multiviewstacking`; nothing is downloaded.
"""

import csv
import importlib.util
from pathlib import Path

import numpy as np

from trainer.data._raw import Raw
from trainer.errors import InputError

PACKAGE = "multiviewstacking"
PREFIXES = {"audio": "v1_", "accelerometer": "v2_"}
TERMS = (
    "HTAD (Home-Tasks Activities Dataset) is fully open for research and educational purposes; competitions "
    "and commercial purposes need prior written permission. Documents that use it or report results on it "
    "must cite https://link.springer.com/chapter/10.1007/978-3-030-67835-7_17."
)


def read() -> Raw:
    """Views `audio` (1386, 36) and `accelerometer` (1386, 16); no split.

    Raises InputError where the package is not installed.
    """
    with _file().open(newline="", encoding="latin-1") as lines:
        header, *rows = csv.reader(lines)
    label_names, y = np.unique([row[header.index("class")] for row in rows], return_inverse=True)
    views = {}
    for view, prefix in PREFIXES.items():
        columns = [i for i, name in enumerate(header) if name.startswith(prefix)]
        views[view] = np.array([[float(row[i]) for i in columns] for row in rows])
    return Raw("htad", views, y, label_names=label_names.tolist(), terms=TERMS)


def _file() -> Path:
    # Located, not imported: importing the package pulls in all of scikit-learn's models.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"data source 'htad' needs the Python package {PACKAGE}, which is not installed: pip install {PACKAGE}"
        )
    file = Path(spec.submodule_search_locations[0]) / "data" / "htad.csv"
    if not file.is_file():
        raise InputError(
            f"data source 'htad' expected the file {file}, which this version of {PACKAGE} does not "
            f"have: pip install --force-reinstall {PACKAGE}"
        )
    return file
