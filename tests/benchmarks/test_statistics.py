"""What pairing saved, on values of which the answer is known."""

import numpy as np
import pytest

from benchmarks.statistics import saved


@pytest.mark.parametrize(("common", "share", "worth"), [(0.0, 1.0, 9), (3.0, 0.1, 77)])
def test_pairing_saves_what_the_seeds_have_in_common(common, share, worth):
    """Own deviation 1 in both arms; variances add up exactly, since the three rows are orthogonal."""
    rows = np.linalg.qr(np.column_stack([np.ones(50), np.random.default_rng(0).normal(size=(50, 3))]))[0][:, 1:].T
    shared, a, b = 7.0 * rows  # each of mean 0 and deviation 1
    words = saved(common * shared + a, common * shared + b).split()
    assert words[0] == "50"
    assert float(words[2]) == pytest.approx(2**0.5, abs=1e-4)
    assert float(words[4]) == pytest.approx(share, abs=5e-3)
    assert int(words[5]) == worth


def test_arms_that_never_differ_have_nothing_to_save():
    assert saved(np.ones(5), np.ones(5)).split() == ["5", "0.0000", "0.0000"]
