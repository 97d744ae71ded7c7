import numpy as np
import pytest
from statsmodels.nonparametric.smoothers_lowess import lowess as reference

from tuner.report.plots._lowess import lowess


@pytest.mark.parametrize("n", [8, 60])
@pytest.mark.parametrize("span", [0.5, 2 / 3, 1.0])
def test_as_statsmodels(n, span):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n)
    y, grid = np.sin(x) + 0.1 * rng.normal(size=n), np.linspace(x.min(), x.max(), 40)
    assert lowess(x, y, grid, span) == pytest.approx(reference(y, x, frac=span, it=0, xvals=grid), abs=1e-12)


def test_a_line_stays_a_line():
    x = np.linspace(0, 1, 20)
    assert lowess(x, 2 * x + 1, x, 0.5) == pytest.approx(2 * x + 1)


def test_no_trend_where_the_nearest_rows_have_one_x():
    assert np.isnan(lowess(np.zeros(6), np.arange(6.0), np.zeros(1), 0.5)).all()
