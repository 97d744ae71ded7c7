"""Looking again: what each look spends, and that all of them together keep to alpha."""

import numpy as np
import pytest
from scipy import special

from tuner.errors import InputError
from tuner.validation.statistics import Looks, first_look


def deviations(values: np.ndarray, n: int) -> np.ndarray:
    """|t| of the first n of each row."""
    some = values[:, :n]
    return np.abs(some.mean(1)) / (some.std(1, ddof=1) / n**0.5)


def excluded(values: np.ndarray, looks: Looks, alpha: float = 0.05) -> np.ndarray:
    """Whether any look at rows of values (samples, blocks) of mean 0 excludes 0."""
    found = np.zeros(len(values), bool)
    for i, n in enumerate(looks.counts):
        level = Looks(looks.counts[: i + 1], looks.shares[: i + 1]).level(alpha)
        found |= deviations(values, n) > special.stdtrit(n - 1, 1 - level / 2)
    return found


def test_levels_are_those_of_the_literature():
    """Jennison & Turnbull 2000, table 2.1: Pocock's constant for five looks at 5% is 2.413, O'Brien-Fleming's 2.040."""
    for constants in ([2.413] * 5, [2.040 * (5 / k) ** 0.5 for k in range(1, 6)]):
        rng = np.random.default_rng(0)
        sums = rng.standard_normal((400_000, 5)).cumsum(1) / np.arange(1, 6) ** 0.5
        over = np.abs(sums) > constants
        spends = [float((over[:, k] & ~over[:, :k].any(1)).mean()) for k in range(5)]
        looks = Looks((100, 200, 300, 400, 500), tuple(s / 0.051 for s in spends))
        found = [Looks(looks.counts[: k + 1], looks.shares[: k + 1]).level(0.051) for k in range(5)]
        np.testing.assert_allclose(-special.ndtri(np.array(found) / 2)[1:], constants[1:], atol=0.03)


@pytest.mark.parametrize("horizon", [20, 60])
def test_a_planned_design_errs_in_alpha_over_all_of_its_looks(horizon):
    values = np.random.default_rng(horizon).standard_normal((8000, horizon))
    assert 0.042 <= excluded(values, Looks.planned(horizon)).mean() <= 0.058
    assert excluded(values, Looks.planned(horizon), alpha=0.01).mean() <= 0.014


def test_a_planned_design_is_not_much_wider_than_a_single_look():
    looks = Looks.planned(60)
    widths = {
        n: special.stdtrit(n - 1, 1 - looks.until(n).level() / 2) / special.stdtrit(n - 1, 0.975) for n in looks.counts
    }
    assert looks.counts[0] == 8
    assert looks.counts[-1] == 60
    assert widths[60] < 1.25
    assert max(widths.values()) < 1.5


def test_looks_nobody_planned_spend_what_is_left():
    looks = first_look(10).then(25).then(60)
    assert sum(looks.shares) == pytest.approx(1 - 0.25**3)
    values = np.random.default_rng(1).standard_normal((8000, 60))
    assert excluded(values, looks).mean() <= 0.058
    assert first_look(10).level() == pytest.approx(0.0375)
    assert looks.level() < first_look(60).level() / 4


def test_a_look_back_at_fewer_blocks_gets_what_the_union_bound_allows():
    looks = first_look(30).then(10)
    assert looks.level(0.05) == pytest.approx(0.05 * 0.1875)
    assert first_look(30).then(30).level() == pytest.approx(0.05 * 0.1875)
    spent = Looks((10, 20), (1.0, 0.0))
    assert spent.level() == 0
    assert spent.adjusted(1e-9) == 1


def test_a_look_that_comes_earlier_or_later_than_planned_takes_the_place_of_that_one():
    looks = Looks.planned(60)
    assert looks.until(18).counts == (8, 12, 18)
    assert looks.until(15).counts == (8, 12, 15)
    assert looks.until(8).counts == (8,)
    assert looks.until(5).counts == (5,)
    assert looks.until(64).counts == (*looks.counts[:-1], 64)
    later = first_look(10).then_planned(60)
    assert later.until(12).counts == (10, 8, 12)
    assert sum(later.shares) <= 1


@pytest.mark.parametrize("looks", [first_look(10), first_look(10).then(40), Looks.planned(60), Looks.once(10)])
def test_adjusted_p_is_the_alpha_at_which_the_look_excludes(looks):
    for alpha in (1e-4, 0.01, 0.05, 0.3):
        assert looks.adjusted(looks.level(alpha)) == pytest.approx(alpha, rel=0.03)
    assert looks.adjusted(1.0) == 1
    assert 0 <= looks.adjusted(0.0) <= 1e-6


def test_what_are_no_looks_is_refused():
    for counts, shares in (((), ()), ((1,), (1.0,)), ((5, 9), (0.7, 0.7)), ((5,), (-0.1,)), ((5, 6), (1.0,))):
        with pytest.raises(InputError):
            Looks(counts, shares)
