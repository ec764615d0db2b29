"""How far a window of rows has moved from its reference: effect sizes, and tests that tell movement from noise.

Effect sizes are defined as in Evidently 0.7, so that its reports and these numbers agree: the Wasserstein distance
over the reference's standard deviation for numbers, the Jensen-Shannon distance (natural logarithm) for categories.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.metrics.sketches import CategorySketch, FloatArray, IntArray, NumericSketch


def wasserstein(reference: NumericSketch, ordered: FloatArray) -> float:
    """First Wasserstein distance in reference standard deviations.

    Equal to ``scipy.stats.wasserstein_distance(ref, cur) / max(std(ref), 0.001)`` to within ``reference.bound``.
    It is the integral over u of ``|Q_ref(u) - Q_cur(u)|``; Q_ref has one level per cluster, so prefix sums of the
    window give each piece exactly.

    Args:
        reference: sketch with at least one present row.
        ordered: float64 ``[m]``, ascending, finite, m > 0.
    """
    size = ordered.size
    centre = float(reference.means[reference.means.size // 2])
    levels = reference.means - centre
    stops = np.cumsum(reference.counts) / reference.present * size
    stops[-1] = size
    crossing = np.searchsorted(ordered, reference.means).astype(np.float64)
    knots = np.unique(np.concatenate((np.zeros(1), stops, crossing)).astype(np.int64))
    knots = knots[knots < size]
    pieces = np.add.reduceat(ordered, knots) - centre * np.diff(np.append(knots, size))
    sums: FloatArray = np.concatenate((np.zeros(1), np.cumsum(pieces)))

    def integral(at: FloatArray) -> FloatArray:
        whole = np.minimum(at.astype(np.int64), size)
        part = (at - whole) * (ordered[np.minimum(whole, size - 1)] - centre)
        return np.asarray(sums[np.searchsorted(knots, whole)] + part, dtype=np.float64)

    begin = np.concatenate((np.zeros(1), stops[:-1]))
    crossing = np.clip(crossing, begin, stops)
    below = levels * (crossing - begin) - (integral(crossing) - integral(begin))
    above = integral(stops) - integral(crossing) - levels * (stops - crossing)
    return max(0.0, float(np.sum(below + above)) / size / reference.norm)


def align(reference: CategorySketch, counts: Mapping[str, int]) -> tuple[IntArray, IntArray, int]:
    """Reference and window counts over the same cells, and the window's rows in unseen categories.

    The last cell holds the reference's tail, or else the unseen categories as one: pooling what the reference
    lacks does not change the Jensen-Shannon distance. With a tail, nothing can be told to be unseen.
    """
    known = [counts.get(name, 0) for name in reference.counts]
    rest = sum(counts.values()) - sum(known)
    cells = np.array([*reference.counts.values(), reference.tail], dtype=np.int64)
    return cells, np.array([*known, rest], dtype=np.int64), 0 if reference.tail else rest


def jensen_shannon(reference: IntArray | FloatArray, window: IntArray | FloatArray) -> float:
    """Jensen-Shannon distance, 0 to sqrt(ln 2), of two count vectors over the same cells, each with a positive sum."""
    p, q = _shares(reference), _shares(window)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def _shares(counts: IntArray | FloatArray) -> FloatArray:
    cells = np.asarray(counts, dtype=np.float64)
    return np.asarray(cells / float(cells.sum()), dtype=np.float64)


def _relative_entropy(p: FloatArray, q: FloatArray) -> float:
    inside = p > 0
    return float(np.sum(p[inside] * np.log(p[inside] / q[inside])))


def population_stability(reference: IntArray | FloatArray, window: IntArray | FloatArray, floor: float = 1e-4) -> float:
    """Population stability index of two count vectors; shares below ``floor`` are raised to it.

    Rule of thumb in credit scoring (Siddiqi, 2006): below 0.1 stable, above 0.25 a major shift.
    """
    p, q = np.maximum(_shares(reference), floor), np.maximum(_shares(window), floor)
    return float(np.sum((q - p) * np.log(q / p)))


def equal_mass_cells(reference: NumericSketch, ordered: FloatArray, cells: int = 10) -> tuple[IntArray, IntArray]:
    """Counts of reference and window in up to ``cells`` bins of about equal reference mass, cut at cluster edges."""
    total = np.cumsum(reference.counts)
    targets = reference.present * np.arange(1, cells) / cells
    cut = np.unique(np.searchsorted(total, targets))
    cut = cut[cut < total.size - 1]
    known = np.diff(np.concatenate(([0], total[cut], [reference.present])))
    below = np.searchsorted(ordered, reference.edges[cut], side="right")
    return known.astype(np.int64), np.diff(np.concatenate(([0], below, [ordered.size]))).astype(np.int64)


def numeric_p_value(reference: NumericSketch, ordered: FloatArray) -> float:
    """Probability of at least this much difference when both samples come from one distribution.

    The smallest, tripled, of three tests: Kolmogorov-Smirnov at the cluster edges (where the reference's distribution
    function is exact; ties and the coarser grid make it conservative; Stephens' correction for small samples), which
    sees any change of shape; Mann and Whitney's, which sees a small shift sooner; and the exact exceedance test for
    rows outside the reference's range, which sees gross outliers that the ranks do not.
    """
    from scipy.special import kolmogorov

    n, m = reference.present, ordered.size
    low = int(np.searchsorted(ordered, reference.low, side="left"))
    reached = np.searchsorted(ordered, reference.edges, side="right")
    distance = max(float(np.max(np.abs(np.cumsum(reference.counts) / n - reached / m))), low / m)
    root = np.sqrt(n * m / (n + m))
    supremum = float(kolmogorov((root + 0.12 + 0.11 / root) * distance))
    cells = np.concatenate(([low], np.diff(reached, prepend=low), [m - reached[-1]]))
    ranks = _rank_sum(np.concatenate(([0], reference.counts, [0])), cells)
    outside = min(1.0, 2 * min(_exceedance(n, m, low), _exceedance(n, m, int(m - reached[-1]))))
    return min(1.0, 3 * min(supremum, ranks, outside))


def _rank_sum(reference: IntArray, window: IntArray) -> float:
    """Two-sided p-value of Mann and Whitney's test on ordered cells, values within a cell as ties (normal limit)."""
    from scipy.special import ndtr

    before, now = reference.astype(np.float64), window.astype(np.float64)
    n, m, tied = before.sum(), now.sum(), before + now
    total = n + m
    variance = n * m / 12 * (total + 1 - float(np.sum(tied**3 - tied)) / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    larger = float(np.sum(now * (np.cumsum(before) - before / 2)))
    return float(2 * ndtr(-abs(larger - n * m / 2) / np.sqrt(variance)))


def _exceedance(n: int, m: int, beyond: int) -> float:
    """P(the most extreme ``beyond`` of n + m exchangeable values all belong to the sample of m)."""
    from scipy.special import gammaln

    return float(np.exp(gammaln(m + 1) - gammaln(m - beyond + 1) + gammaln(n + m - beyond + 1) - gammaln(n + m + 1)))


def homogeneity_p_value(reference: IntArray, window: IntArray, least: float = 5.0) -> float:
    """Pearson's chi-squared test that two count vectors come from one distribution.

    Cells whose expected count is below ``least`` in either sample are pooled, rarest first; 1 when fewer than two
    cells are left.
    """
    from scipy.special import chdtrc

    table = np.vstack([reference, window]).astype(np.float64)
    totals = table.sum(axis=1, keepdims=True)
    if np.any(totals == 0):
        return 1.0
    table = table[:, np.argsort(-table.sum(axis=0), kind="stable")]
    needed = least * float(totals.sum()) / float(totals.min())
    counts = table.sum(axis=0)
    large = int(np.sum(counts >= needed))
    if large < counts.size and counts[large:].sum() < needed:
        large -= 1
    if large < 1:
        return 1.0
    rest = table[:, large:].sum(axis=1, keepdims=True)
    cells = np.column_stack([table[:, :large], rest]) if rest.sum() else table[:, :large]
    if cells.shape[1] < 2:
        return 1.0
    expected = totals * cells.sum(axis=0) / totals.sum()
    return float(chdtrc(cells.shape[1] - 1, np.sum((cells - expected) ** 2 / expected)))


def unseen_p_value(reference: CategorySketch, unseen: int, present: int) -> float:
    """P(at least ``unseen`` of ``present`` rows in unseen categories), their share by Good and Turing's estimate."""
    from scipy.special import bdtrc

    if unseen <= 0:
        return 1.0
    share = min(1.0, (reference.seen_once + 1) / (reference.present + 1))
    return float(bdtrc(unseen - 1, present, share))


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Adjusted p-values ``[k]``: rejecting those at most alpha keeps the false discovery rate at alpha.

    Benjamini and Hochberg (1995); valid for independent and for positively dependent tests.
    """
    if p_values.size == 0:
        return p_values
    order = np.argsort(p_values)
    scaled = p_values[order] * p_values.size / np.arange(1, p_values.size + 1)
    adjusted = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return result
