"""The statistics of a verdict: known answers, other implementations, properties, refusals, short simulations."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from trainer.errors import InputError
from tuner.validation import statistics as paired

LIMITS = settings(max_examples=60, deadline=None, derandomize=True)
# In steps of a test row, as a real metric: ties and zeros are usual. Some of them differ.
steps = st.lists(st.integers(-20, 20), min_size=2, max_size=12).map(lambda given: np.array(given) / 277)
factors = st.floats(1e-3, 1e3)
DAY = (1.1, -0.4, 2.3, 0.8, 1.9, 0.2, -0.1, 1.4, 0.9, 1.0)


def rng(seed=0):
    return np.random.default_rng(seed)


def compare(differences, margin=0.0, direction="maximize", **rest):
    differences = np.asarray(differences)
    baseline = np.linspace(0.5, 0.6, len(differences))
    return paired.compare(baseline, baseline + differences, margin=margin, direction=direction, rng=rng(), **rest)


def by_hand(differences):
    """Every assignment of signs, one after the other."""
    observed = abs(sum(differences)) - 1e-9
    signs = list(itertools.product((-1, 1), repeat=len(differences)))
    return sum(abs(np.dot(flip, differences)) >= observed for flip in signs) / len(signs)


# --- interval


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_t_interval_is_that_of_scipy(level):
    lo, hi, method = paired.confidence_interval(DAY, level)
    assert method == "t"
    assert (lo, hi) == pytest.approx(tuple(stats.ttest_1samp(DAY, 0).confidence_interval(level)))


def test_bca_interval_is_that_of_scipy_and_needs_ten_distinct_enough_values():
    lo, hi, method = paired.confidence_interval(DAY, rng=rng(3), bootstrap=True)
    expected = stats.bootstrap((np.array(DAY),), np.mean, n_resamples=paired.RESAMPLES, method="BCa", rng=rng(3))
    assert method == "bca"
    assert (lo, hi) == pytest.approx(tuple(expected.confidence_interval))
    assert paired.confidence_interval(DAY[:9], rng=rng(), bootstrap=True)[2] == "t"
    assert paired.confidence_interval([0, 1] * 8, rng=rng(), bootstrap=True)[2] == "t"


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0])
def test_equal_differences_have_an_interval_of_no_width_that_says_so(value):
    assert paired.confidence_interval([value] * 12, bootstrap=True) == (pytest.approx(value),) * 2 + ("degenerate",)


# --- sign flips


def test_sign_flip_by_hand():
    # 1 + 2 + 3 = 6 is reached by +++ and --- alone: 2 of 8.
    assert paired.sign_flip_p([1, 2, 3], rng()) == 2 / 8
    # 3 + 2 - 1 = 4: as far are 6, 4 and their mirror images: 4 of 8.
    assert paired.sign_flip_p([3, 2, -1], rng()) == 4 / 8
    # One negative, the smallest of eight: 36 - 2 = 34 or more is reached by two assignments of each sign: 4 of 256.
    assert paired.sign_flip_p([-1, 2, 3, 4, 5, 6, 7, 8], rng()) == 4 / 256


@given(steps)
@LIMITS
def test_sign_flip_counts_what_enumeration_counts_with_ties_and_zeros(differences):
    assert paired.sign_flip_p(differences, rng()) == pytest.approx(by_hand(differences[:12]), abs=1e-12)


def test_sign_flip_is_that_of_scipy():
    result = stats.permutation_test((np.array(DAY),), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert paired.sign_flip_p(DAY, rng()) == pytest.approx(result.pvalue)


def test_sign_flip_beyond_counting_is_near_the_normal_and_seeded():
    differences = rng(1).standard_normal(paired.EXACT_TO + 20) + 0.3
    p = paired.sign_flip_p(differences, rng(2))
    assert p == paired.sign_flip_p(differences, rng(2))
    assert p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)
    assert paired.sign_flip_p(np.ones(60), rng()) == 1 / (paired.FLIPS + 1)


def test_nothing_but_zeros_is_no_evidence():
    assert paired.sign_flip_p(np.zeros(9), rng()) == 1
    assert paired.sign_flip_p(np.zeros(60), rng()) == 1


def test_smallest_p_is_that_of_equal_signs():
    for n in (1, 2, 6, 8):
        assert paired.smallest_p(n) == by_hand(range(1, n + 1))


# --- many claims


def test_holm_by_hand_and_as_statsmodels():
    # sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, never falling: .04 .06 .06 .06
    assert paired.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    p_values = rng().uniform(size=7)
    assert paired.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert paired.holm([]) == []
    assert paired.holm([0.9, 0.8]) == [1, 1]


@pytest.mark.parametrize(
    ("claims", "seeds"), [(1, 6), (2, 7), (3, 7), (4, 8), (5, 8), (6, 8), (7, 9), (25, 10), (26, 11)]
)
def test_seeds_for_claims_are_the_fewest(claims, seeds):
    assert paired.seeds_for_claims(claims) == seeds
    assert claims * paired.smallest_p(seeds) <= 0.05 < claims * paired.smallest_p(seeds - 1)


def test_seeds_for_claims_at_an_alpha_that_is_met_exactly():
    assert paired.seeds_for_claims(1, 0.0625) == 5


def test_together_applies_holm_and_the_verdicts_follow():
    strong, weak = np.arange(1, 9) / 100, np.array([-1, 1, 2, 3, 4, 4, 5, 3]) / 100
    alone = [compare(one, claims=2) for one in (strong, weak)]
    assert [one.p for one in alone] == [2 / 256, 6 / 256]
    assert [one.p_holm for one in alone] == [4 / 256, 12 / 256]
    settled = paired.together(alone)
    assert [one.p_holm for one in settled] == [4 / 256, 6 / 256]
    five = [compare(one, claims=5) for one in (strong, weak, weak, weak, weak)]
    assert [one.verdict for one in paired.together(five)] == ["better"] + 4 * ["inconclusive"]
    with pytest.raises(InputError, match="claims=1"):
        paired.together([compare(strong), compare(weak)])


# --- probability


def test_probability_better_counts_ties_half_and_turns_with_the_direction():
    old, new = [1, 2, 3, 4], [2, 2, 2, 5]
    assert paired.probability_better(new, old, "maximize") == 2.5 / 4
    assert paired.probability_better(new, old, "minimize") == 1.5 / 4


def test_rounding_is_no_difference():
    assert paired.probability_better([0.1 + 0.2, 0.3], [0.3, 0.1 + 0.2], "maximize") == 0.5


# --- power


def spread(n, mean=0.0, deviation=1.0):
    unit = np.resize((-1.0, 1.0), n)
    return unit / unit.std(ddof=1) * deviation + mean


@pytest.mark.parametrize("n", [20, 30, 60])
@pytest.mark.parametrize("claims", [1, 5])
def test_smallest_effect_is_that_of_statsmodels(n, claims):
    found = paired.smallest_effect(spread(n, 0.1, 2.0), claims=claims)
    power = TTestPower().power(found / 2.0, n, 0.05 / claims)
    assert power == pytest.approx(0.8, abs=0.002)


def test_smallest_effect_of_too_few_pairs_is_none():
    assert paired.smallest_effect(spread(5)) is None
    assert paired.smallest_effect(spread(7), claims=5) is None
    assert paired.smallest_effect(spread(8), claims=5) > paired.smallest_effect(spread(8))
    assert paired.smallest_effect(np.zeros(8)) == 0


@pytest.mark.parametrize("mean", [0.3, 0.5])
def test_seeds_needed_for_a_difference_are_those_of_statsmodels(mean):
    found = paired.seeds_needed(spread(10, mean), margin=0)
    power = [TTestPower().power(mean, n, 0.05) for n in (found - 1, found)]
    assert power[0] < 0.8 <= power[1]


def test_seeds_needed_for_equivalence_are_those_of_simulation():
    needed = paired.seeds_needed(spread(10, 0.1), margin=0.8)
    values = rng().standard_normal((20_000, needed)) + 0.1
    half = stats.t.ppf(0.975, needed - 1) * values.std(1, ddof=1) / math.sqrt(needed)
    assert (np.abs(values.mean(1)) + half <= 0.8).mean() == pytest.approx(0.8, abs=0.03)


def test_seeds_needed_takes_the_nearer_end_or_none():
    far, near = paired.seeds_needed(spread(10, 0.01), 0.3), paired.seeds_needed(spread(10, 0.9), 0.3)
    assert near < far < paired.MOST_SEEDS
    assert paired.seeds_needed(spread(10, 0.01), 0.0) is None
    assert paired.seeds_needed(spread(10, 50), 0.0, claims=5) == 8
    assert paired.seeds_needed(spread(10, 0.0), 50) == 2
    assert paired.seeds_needed(np.zeros(3), 0.0) == 6
    assert paired.seeds_needed(np.ones(3), 0.5, claims=5) == 8


# --- verdict


@pytest.mark.parametrize(
    ("lo", "hi", "p", "outcome"),
    [
        (1, 3, 0.01, "better"),
        (-3, -1, 0.01, "worse"),
        (1, 3, 0.06, "inconclusive"),
        (1, 3, None, "better"),
        (-1, 3, 0.01, "inconclusive"),
        (-0.4, 0.5, 0.6, "equivalent"),
        (0.1, 0.4, 0.001, "equivalent"),
        (0.1, 0.6, 0.001, "better"),
        (0.0, 0.6, 0.001, "inconclusive"),
        (-0.5, 0.5, None, "equivalent"),
    ],
)
def test_verdict(lo, hi, p, outcome):
    assert paired.verdict(lo, hi, margin=0.5, direction="maximize", n=10, p=p) == outcome
    turned = {"better": "worse", "worse": "better"}.get(outcome, outcome)
    assert paired.verdict(lo, hi, margin=0.5, direction="minimize", n=10, p=p) == turned


def test_a_few_equal_differences_show_nothing():
    assert compare(np.zeros(5), 0.01).verdict == "inconclusive"
    assert compare(np.zeros(6), 0.01).verdict == "equivalent"
    assert compare(np.full(5, 0.1)).verdict == "inconclusive"
    assert compare(np.full(6, 0.1)).verdict == "better"


def test_compare_gives_all_of_it():
    found = compare(np.arange(1, 9) / 100, 0.002, claims=5)
    assert (found.n, found.method, found.verdict, found.probability_better) == (8, "t", "better", 1)
    assert (found.p, found.p_holm, found.seeds_needed) == (2 / 256, 10 / 256, 8)
    assert found.difference == pytest.approx(0.045)
    assert found.lo < found.difference < found.hi
    assert found.smallest_effect > 0


def test_an_inconclusive_comparison_needs_more_than_were_run():
    found = compare([0.01, 0.012, 0.009, 0.011, 0.01])
    assert (found.verdict, found.seeds_needed, found.smallest_effect) == ("inconclusive", 6, None)


@given(steps, factors)
@LIMITS
def test_the_unit_does_not_matter(differences, factor):
    one, other = (
        paired.compare(np.zeros(len(d)), d, margin=margin, direction="maximize", rng=rng())
        for d, margin in ((differences, 0.01), (differences * factor, 0.01 * factor))
    )
    assert (other.lo, other.hi) == pytest.approx((one.lo * factor, one.hi * factor), rel=1e-6, abs=1e-9 * factor)
    assert (other.p, other.seeds_needed) == (one.p, one.seeds_needed)
    # An end that lies on 0 or on the margin may fall to either side of it by rounding.
    on_the_edge = any(abs(end - edge) < 1e-9 for end in (one.lo, one.hi) for edge in (0, 0.01, -0.01))
    assert one.verdict == other.verdict or on_the_edge


@given(steps, st.floats(-1, 1))
@LIMITS
def test_a_shift_shifts_the_interval(differences, shift):
    lo, hi, _ = paired.confidence_interval(differences)
    assert paired.confidence_interval(differences + shift)[:2] == pytest.approx((lo + shift, hi + shift), abs=1e-9)


@given(steps)
@LIMITS
def test_arms_that_change_places_change_the_sign(differences):
    zero = np.zeros(len(differences))
    one = paired.compare(zero, differences, margin=0.005, direction="minimize", rng=rng())
    other = paired.compare(differences, zero, margin=0.005, direction="minimize", rng=rng())
    assert (other.lo, other.hi, other.difference) == pytest.approx((-one.hi, -one.lo, -one.difference))
    assert other.p == one.p
    assert other.probability_better == pytest.approx(1 - one.probability_better)
    assert other.verdict == {"better": "worse", "worse": "better"}.get(one.verdict, one.verdict)


@given(steps, st.randoms(use_true_random=False))
@LIMITS
def test_the_order_of_blocks_does_not_matter(differences, random):
    mixed = random.sample(list(differences), len(differences))
    assert paired.sign_flip_p(mixed, rng()) == paired.sign_flip_p(differences, rng())
    assert paired.confidence_interval(mixed)[:2] == pytest.approx(paired.confidence_interval(differences)[:2])


@given(steps, st.floats(0, 0.1), st.floats(0, 0.1))
@LIMITS
def test_a_wider_margin_only_makes_more_equivalent(differences, margin, more):
    narrow, wide = compare(differences, margin), compare(differences, margin + more)
    assert wide.verdict in (narrow.verdict, "equivalent")


# --- percent and claims


def test_relative_change_of_ratios():
    old = np.array([1.0, 2.0, 4.0, 8.0])
    same = paired.relative_change(old, 0.9 * old)
    assert (same.percent, same.method) == (pytest.approx(-10), "log-ratio")
    assert (same.lo, same.hi) == pytest.approx((-10, -10))
    new = old * [1.1, 1.2, 0.9, 1.3]
    found = paired.relative_change(old, new)
    expected = stats.ttest_1samp(np.log(new / old), 0).confidence_interval()
    assert (found.lo, found.hi) == pytest.approx((100 * math.expm1(expected.low), 100 * math.expm1(expected.high)))
    back = paired.relative_change(new, old)
    assert (1 + found.lo / 100) * (1 + back.hi / 100) == pytest.approx(1)


@pytest.mark.parametrize("sign", [1, -1])
def test_relative_change_by_fieller_ends_where_the_test_begins(sign):
    old, new = np.array([0.0, 2.0, 3.0, 4.0, 3.5, 2.5]), np.array([1.0, 2.2, 3.9, 4.1, 4.0, 2.0])
    found = paired.relative_change(sign * old, sign * new)
    assert found.method == "fieller"
    assert found.percent == pytest.approx(100 * sign * (new - old).mean() / old.mean())
    for end in (found.lo, found.hi):
        rest = sign * (new - old) - end / 100 * abs(old.mean()) / old.mean() * old
        assert stats.ttest_1samp(rest, 0).pvalue == pytest.approx(0.05)


def test_relative_change_of_a_baseline_near_zero_is_unbounded_and_of_zero_undefined():
    near = paired.relative_change([1.0, -1.0, 0.5], [2.0, 1.0, 1.0])
    assert (near.lo, near.hi, near.method) == (-math.inf, math.inf, "fieller")
    zero = paired.relative_change([0.0, 0.0], [0.0, 1.0])
    assert (zero.percent, zero.method) == (None, "undefined")
    assert paired.claim_verdict(zero.lo, zero.hi, 5, 10) == "not shown"
    assert zero.p_at(0.0) == 1.0


@pytest.mark.parametrize(
    ("lo", "hi", "outcome"),
    [
        (8, 14, "supported"),
        (11, 12, "supported"),
        (1, 30, "supported"),
        (-1, 12, "not shown"),
        (16, 20, "not shown"),
        (1, 9, "refuted"),
        (-9, -1, "refuted"),
        (-1, 9.9, "refuted"),
    ],
)
def test_claim_of_ten_to_fifteen_percent(lo, hi, outcome):
    assert paired.claim_verdict(lo, hi, 10, 15) == outcome
    assert paired.claim_verdict(-hi, -lo, -15, -10) == outcome  # a cost is a gain's mirror image


@pytest.mark.parametrize(
    ("interval", "claimed", "expected"),
    [
        # "slower by less than 5%", "changes by less than 3%": ranges that hold 0
        ((-4, 3), (-5, 100), "supported"),
        ((-9, -6), (-5, 100), "refuted"),
        ((-9, 3), (-5, 100), "not shown"),
        ((-2, 2), (-3, 3), "supported"),
        ((-2, 4), (-3, 3), "not shown"),
        ((4, 9), (-3, 3), "refuted"),
        ((0, 0), (0, 100), "supported"),
    ],
)
def test_claim_that_little_changes(interval, claimed, expected):
    assert paired.claim_verdict(*interval, *claimed) == expected


def test_a_claim_needs_its_p():
    assert paired.claim_verdict(8, 14, 10, 15, p_for=0.05) == "supported"
    assert paired.claim_verdict(8, 14, 10, 15, p_for=0.06) == "not shown"
    assert paired.claim_verdict(-8, 4, 10, 15, p_against=0.05) == "refuted"
    assert paired.claim_verdict(-8, 4, 10, 15, p_against=0.06) == "not shown"
    assert paired.claim_verdict(4, 9, -3, 3, p_against=0.06) == "not shown"
    assert paired.claim_verdict(-2, 2, -3, 3, p_for=0.06) == "not shown"


@pytest.mark.parametrize("often", [False, True])
@pytest.mark.parametrize("positive", [True, False])
def test_p_is_one_minus_the_level_at_the_ends_of_the_interval(often, positive):
    """The test and the interval are one, on log ratios and by Fieller, for one look and for many."""
    old = np.linspace(2, 3, 12) - (0 if positive else 2.05)
    new = old + 0.3 + 0.2 * np.sin(np.arange(12))
    change = paired.relative_change(old, new, often=often)
    assert change.method == ("log-ratio" if positive else "fieller")
    assert 0.05 - 1e-7 <= change.p_at(change.lo) < 0.06  # the exact test may ask for more
    assert 0.05 - 1e-7 <= change.p_at(change.hi) < 0.06
    assert change.p_at(change.percent) == pytest.approx(1.0)
    assert change.p_at((change.lo + change.percent) / 2) > 0.05 > change.p_at(2 * change.hi)
    if positive:
        assert change.p_at(-100) == change.p_at(-150) == 0.0  # a ratio is never negative


def test_p_of_a_mean_is_scipys():
    for mean in (0.0, 0.9, 3.0):
        assert paired.p_of_mean(DAY, mean) == pytest.approx(stats.ttest_1samp(DAY, mean).pvalue)
    assert paired.p_of_mean([0.5] * 7, 0.5) == 1.0
    assert paired.p_of_mean([0.5] * 7, 0.4) == paired.smallest_p(7)


def test_p_of_a_claim_by_hand():
    asked = []

    def p_at(percent):
        asked.append(percent)
        return {0.0: 0.01, 10.0: 0.2, 15.0: 0.3, -3.0: 0.04, 3.0: 0.02, -10.0: 0.5}[percent]

    assert paired.claim_p(12, 10, 15, p_at) == (0.01, 1.0)  # a gain: is there any?
    assert paired.claim_p(5, 10, 15, p_at) == (0.01, 0.2)  # and is it as large as the least claimed?
    assert paired.claim_p(-5, 10, 15, p_at) == (1.0, 0.2)
    assert paired.claim_p(-12, -15, -10, p_at) == (0.01, 1.0)
    assert paired.claim_p(-5, -15, -10, p_at) == (0.01, 0.5)
    asked.clear()
    assert paired.claim_p(1, -3, 3, p_at) == (0.04, 1.0)  # little changes: both ends must be excluded
    assert sorted(asked) == [-3, 3]
    assert paired.claim_p(4, -3, 3, p_at) == (1.0, 0.02)
    assert paired.claim_p(-4, -3, 3, p_at) == (1.0, 0.04)


# --- many looks


def test_the_sequence_is_where_the_mixture_reaches_one_over_alpha():
    values = rng(5).standard_normal(30) + 0.4
    lo, hi = paired.confidence_sequence(values, 0.05)
    for n in (8, 13, 30):
        for end in (lo[n - 1], hi[n - 1]):
            t2 = stats.ttest_1samp(values[:n], end).statistic ** 2
            # the mixture itself, integrated: effect d ~ N(0, 1 / k), t noncentral
            effects = np.linspace(-12, 12, 20_001)
            density = stats.norm.pdf(effects, scale=paired.SEQUENCE_PRIOR**-0.5)
            with np.errstate(all="ignore"):
                alternative = stats.nct.pdf(math.sqrt(t2), n - 1, effects * math.sqrt(n))
            mixed = np.trapezoid(np.nan_to_num(alternative) * density, effects)
            assert mixed / stats.t.pdf(math.sqrt(t2), n - 1) == pytest.approx(20, rel=1e-3)


def test_the_sequence_has_an_interval_and_a_p_like_t():
    values = np.asarray(DAY)
    lo, hi = (ends[-1] for ends in paired.confidence_sequence(values, 0.05))
    assert paired.confidence_interval(values, often=True) == (
        pytest.approx(lo),
        pytest.approx(hi),
        "confidence sequence",
    )
    for alpha in (0.2, 0.05, 0.001):
        lo, hi = (ends[-1] for ends in paired.confidence_sequence(values, alpha))
        assert paired.p_of_mean(values, lo, often=True) == pytest.approx(alpha)
        assert paired.p_of_mean(values, hi, often=True) == pytest.approx(alpha)
    assert paired.p_of_mean(values, values.mean(), often=True) == 1.0
    assert paired.p_of_mean(values[:7], 99.0, often=True) == 1.0  # silent before the eighth block
    assert paired.confidence_interval(values[:7], often=True)[:2] == (-math.inf, math.inf)


def test_the_sequence_is_silent_at_first_and_wider_than_t():
    lo, hi = paired.confidence_sequence(rng().standard_normal(20))
    assert np.isinf(lo[: paired.SEQUENCE_FROM - 1]).all()
    assert np.isfinite(lo[paired.SEQUENCE_FROM - 1 :]).all()
    t_lo, t_hi, _ = paired.confidence_interval(rng().standard_normal(20))
    assert lo[-1] < t_lo < t_hi < hi[-1]
    assert [len(ends) for ends in paired.confidence_sequence([0.1])] == [1, 1]


def test_the_sequence_looks_at_nothing_to_come_and_shifts_and_scales():
    values = rng(7).standard_normal(25)
    lo, hi = paired.confidence_sequence(values)
    np.testing.assert_allclose(paired.confidence_sequence(values[:12]), (lo[:12], hi[:12]))
    np.testing.assert_allclose(paired.confidence_sequence(3 * values + 1), (3 * lo + 1, 3 * hi + 1))
    lo, hi = paired.confidence_sequence([0.1] * 9)
    assert (lo[-1], hi[-1]) == (pytest.approx(0.1), pytest.approx(0.1))


# --- refusals


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_run_is_the_callers_to_count(bad):
    with pytest.raises(InputError, match=r"blocks 1\).*the metric's worst value"):
        paired.compare([1, 2, 3], [1, bad, 3], margin=0, direction="maximize", rng=rng())


@pytest.mark.parametrize(
    ("old", "new", "change", "message"),
    [
        ([1, 2, 3], [1, 2], {}, "found 3 of baseline and 2 of candidate"),
        ([1], [2], {}, "at least 2 pairs, found 1"),
        ([[1, 2]], [[1, 2]], {}, r"shape \(1, 2\)"),
        ([1, 2], [2, 4], {"margin": -1}, "the margin.*-1"),
        ([1, 2], [2, 4], {"margin": math.nan}, "the margin.*nan"),
        ([1, 2], [2, 4], {"direction": "maximise"}, "Did you mean maximize"),
        ([1, 2], [2, 4], {"alpha": 0}, "alpha: expected"),
        ([1, 2], [2, 4], {"power": 0.01}, "more than alpha"),
        ([1, 2], [2, 4], {"claims": 0}, "claims: expected at least 1"),
    ],
)
def test_refusals(old, new, change, message):
    with pytest.raises(InputError, match=message):
        paired.compare(old, new, **{"margin": 0.0, "direction": "maximize", "rng": rng(), **change})


def test_other_refusals():
    with pytest.raises(InputError, match="0 to 1"):
        paired.holm([0.1, 1.2])
    with pytest.raises(InputError, match="between 0 and 1"):
        paired.confidence_interval(DAY, 95)
    with pytest.raises(InputError, match="lo <= hi"):
        paired.verdict(2, 1, margin=0, direction="maximize", n=8)
    with pytest.raises(InputError, match="lo <= hi"):
        paired.claim_verdict(1, 2, 15, 10)


# --- short simulations (the long ones: benchmarks/statistics.py)

SAMPLES = 800
ERROR = 3 * math.sqrt(0.05 * 0.95 / SAMPLES)


@pytest.mark.parametrize("n", [8, 12])
@pytest.mark.parametrize("kind", ["normal", "t3", "steps"])
def test_a_comparison_of_equals_seldom_ends_in_better_or_worse(kind, n):
    source = rng(11)
    draw = {
        "normal": source.standard_normal,
        "t3": lambda shape: source.standard_t(3, shape),
        "steps": lambda shape: np.round(source.standard_normal(shape)) / 277,
    }[kind]
    values = draw((SAMPLES, n))
    found = [compare(one) for one in values]
    assert np.mean([one.verdict in ("better", "worse") for one in found]) <= 0.05 + ERROR
    assert np.mean([one.lo <= 1e-12 and one.hi >= -1e-12 for one in found]) >= 0.95 - ERROR
    sequences = [paired.confidence_sequence(one) for one in draw((SAMPLES, 40))]
    assert np.mean([((lo > 0) | (hi < 0)).any() for lo, hi in sequences]) <= 0.05 + ERROR


@pytest.mark.parametrize(("n", "claims"), [(8, 1), (8, 5), (10, 5), (15, 1)])
def test_power_is_as_foretold(n, claims):
    effect = paired.smallest_effect(spread(n), claims=claims)
    found = [compare(one, claims=claims).verdict for one in rng(13).standard_normal((SAMPLES, n)) + effect]
    assert np.mean([one == "better" for one in found]) == pytest.approx(0.8, abs=0.09)
