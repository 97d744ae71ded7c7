"""Small data of which the truth is known, because it was put in: what helps, what hurts, what does not matter.

Each writes a file in the project's own format, with a fixed split, and is named after what it was made for.
"""

import numpy as np


def scarce_labels(path):
    """20 of 384 training rows have a label; four clusters, lost in the noise of forty features for so few rows.

    Where the clusters lie is plain from all rows, so that a reconstruction finds it: a larger weight helps.
    """
    rng = np.random.default_rng(0)
    y, split = _classes(4, 384, 120, 300)
    centres = 2.2 * np.vstack([np.eye(3), -np.ones(3) / np.sqrt(3)])
    z = centres[y] + 0.5 * rng.normal(size=(len(y), 3))
    x = z @ rng.normal(size=(3, 40)) + 2.3 * np.sqrt(3) * rng.normal(size=(len(y), 40))
    y[20:384] = -1
    np.savez(path, view_a=x[:, :20], view_b=x[:, 20:], y=y, split=split)


def distraction(path):
    """Weak classes in six features, beside twelve that have much in common and know nothing of the classes.

    A reconstruction looks at the twelve: a large weight hurts.
    """
    rng = np.random.default_rng(3)
    y, split = _classes(4, 160, 80, 400)
    signal = 0.9 * rng.normal(size=(4, 6))[y] + rng.normal(size=(len(y), 6))
    common = 3 * rng.normal(size=(len(y), 4)) @ rng.normal(size=(4, 12))
    np.savez(path, view_a=np.hstack([signal[:, :3], common]), view_b=signal[:, 3:], y=y, split=split)


def plain(path):
    """Clear classes, labels enough: a small weight makes no difference, whichever it is."""
    rng = np.random.default_rng(5)
    y, split = _classes(3, 240, 80, 800)
    x = 1.2 * rng.normal(size=(3, 12))[y] + rng.normal(size=(len(y), 12))
    np.savez(path, view_a=x[:, :6], view_b=x[:, 6:], y=y, split=split)


def outliers(path):
    """Weak classes in six features, beside twelve of pure noise with the tails of a Cauchy distribution.

    Their squared error is all outliers, at which a large weight pulls with all its might; SmoothL1 lets them be.
    """
    rng = np.random.default_rng(3)
    y, split = _classes(4, 160, 160, 1000)
    signal = 0.9 * rng.normal(size=(4, 6))[y] + rng.normal(size=(len(y), 6))
    noise = rng.standard_t(1, size=(len(y), 12))
    np.savez(path, view_a=np.hstack([signal[:, :3], noise]), view_b=signal[:, 3:], y=y, split=split)


def rare(path):
    """Six rare classes of 5% each stand clear of a common one; all that lacks is time to learn them.

    Cross-entropy spends its steps on rows of the common class that are right already, the focal loss does not: where
    training ends early it has learnt more of the rare ones. Six, so that one that a seed misses is one of many.
    """
    rng = np.random.default_rng(7)
    y = np.concatenate([_one_common(rng, rows) for rows in (480, 480, 1200)])
    x = rng.normal(size=(len(y), 12))
    x[y > 0, y[y > 0]] += 4
    np.savez(path, view_a=x[:, :6], view_b=x[:, 6:], y=y, split=np.repeat([0, 1, 2], (480, 480, 1200)))


def _one_common(rng, rows):
    return rng.permutation(np.where(np.arange(rows) < 0.3 * rows, 1 + np.arange(rows) % 6, 0))


def _classes(classes, *rows):
    """Labels in turn, and the split into so many rows of train, validation and test."""
    return np.arange(sum(rows)) % classes, np.repeat([0, 1, 2], rows)
