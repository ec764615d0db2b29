"""The credit simulator: a known truth, days that never change, faults of a known share."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from pipelines.sources.simulators import credit
from pipelines.sources.simulators.credit_truth import BASE_RATE, BAYES_AUC, bayes_auc, log_odds, true_probability

START = date(2026, 1, 1)
LAST = date(2026, 6, 30)


def history(last: date = LAST, seed: int = 7, first: int = 6000, daily: int = 10):
    return credit.history(seed, START, last, first, daily)


@pytest.fixture(scope="module")
def clients() -> dict:
    return credit.population(3, 200_000)


def test_stated_bayes_auc_and_base_rate_hold(clients: dict) -> None:
    probability = true_probability(clients)
    assert bayes_auc(probability) == pytest.approx(BAYES_AUC, abs=0.004)
    assert probability.mean() == pytest.approx(BASE_RATE, abs=0.004)


@pytest.mark.slow
def test_stated_bayes_auc_and_base_rate_are_those_of_a_million_clients() -> None:
    probability = true_probability(credit.population(1, 1_000_000))
    assert round(bayes_auc(probability), 3) == BAYES_AUC
    assert round(float(probability.mean()), 3) == BASE_RATE


def test_bayes_auc_is_the_expected_auc_of_the_true_probability(clients: dict) -> None:
    from sklearn.metrics import roc_auc_score

    probability = true_probability(clients)
    drawn = np.random.default_rng(0).random(len(probability)) < probability
    assert bayes_auc(probability) == pytest.approx(roc_auc_score(drawn, probability), abs=0.005)


def test_bayes_auc_counts_ties_as_one_half() -> None:
    assert bayes_auc(np.full(10, 0.3)) == pytest.approx(0.5)
    assert bayes_auc(np.array([0.0, 0.0, 1.0])) == pytest.approx(1.0)


def test_history_follows_the_true_probability() -> None:
    rows = history(first=40_000).dropna()
    sound = rows[(rows.LIMIT_BAL > 0) & (rows.PAY_0 < 9)].drop_duplicates(list(credit.FEATURES))
    probability = true_probability(sound)
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.0)):
        part = (probability >= low) & (probability < high)
        error = 4 * np.sqrt(0.25 / part.sum())
        assert sound[credit.TARGET][part].mean() == pytest.approx(probability[part].mean(), abs=error)


def test_protected_columns_have_no_direct_effect(clients: dict) -> None:
    turned = {
        **clients,
        "SEX": 3 - clients["SEX"],
        "AGE": clients["AGE"][::-1],
        "EDUCATION": clients["EDUCATION"][::-1],
    }
    assert np.array_equal(log_odds(clients), log_odds(turned))


def test_columns_are_those_of_the_taiwan_file(mirror) -> None:
    header = (mirror / "taiwan_credit" / "UCI_Credit_Card.csv").open(encoding="utf-8").readline().strip().split(",")
    assert list(history().columns)[:-1] == header[:-1]
    assert len(header) == len(credit.COLUMNS)


def test_a_later_day_only_adds_rows_at_the_end() -> None:
    earlier, later = history(LAST - timedelta(days=30)), history()
    assert len(later) - len(earlier) == 300
    assert later.head(len(earlier)).astype(float).equals(earlier.astype(float))
    assert later["ID"].is_monotonic_increasing


def test_same_seed_same_rows_and_another_seed_other_rows() -> None:
    assert history().equals(history())
    assert not history(seed=8).equals(history())


def test_a_day_before_the_start_has_no_rows_but_all_columns() -> None:
    rows = history(START - timedelta(days=1))
    assert rows.empty
    assert list(rows.columns) == list(credit.COLUMNS)


def test_faults_have_the_stated_shares() -> None:
    rows = history(first=200_000, daily=0)
    faulty = rows.isna().any(axis=1) | (rows.LIMIT_BAL < 0) | (rows.AGE > 100) | (rows.SEX > 2)
    faulty |= (rows.PAY_0 == 99) | (rows.PAY_AMT2 < 0)
    assert faulty.mean() == pytest.approx(credit.BAD_SHARE, rel=0.2)
    assert rows.duplicated("ID").mean() == pytest.approx(credit.RESENT_SHARE, rel=0.3)
    assert (
        rows[rows.duplicated("ID")].iloc[0].dropna().to_dict().items()
        <= rows.iloc[rows.index[rows.duplicated("ID")][0] - 1].to_dict().items()
    )


def test_months_hang_together_and_bills_are_skewed(clients: dict) -> None:
    correlation = np.corrcoef([clients[name] for name in ("BILL_AMT1", "BILL_AMT2", "BILL_AMT6")])
    assert correlation[0, 1] > 0.85 > correlation[0, 2] > 0.5
    bills = clients["BILL_AMT1"]
    assert bills.mean() > 1.5 * np.median(bills)
    assert set(np.unique(clients["PAY_0"])) == set(range(-2, 9))


def test_production_rows_have_no_outcome_and_new_ids() -> None:
    rows = credit.production_day(7, date(2026, 7, 1), 500)
    assert list(rows.columns) == ["ID", *credit.FEATURES]
    assert (rows.dtypes == np.int64).all()
    assert not set(rows["ID"]) & set(history()["ID"])
    assert rows.equals(credit.production_day(7, date(2026, 7, 1), 500))
    assert not rows.equals(credit.production_day(7, date(2026, 7, 2), 500))


def test_shifts_do_what_they_say() -> None:
    day, many = date(2026, 7, 1), 20_000
    plain = credit.production_day(7, day, many)
    poorer = credit.production_day(7, day, many, "income_drop")
    assert (poorer.PAY_0 >= 1).mean() > 1.5 * (plain.PAY_0 >= 1).mean()
    assert poorer.BILL_AMT1.mean() > 1.2 * plain.BILL_AMT1.mean()
    assert poorer.PAY_AMT1.sum() / poorer.BILL_AMT2.sum() < 0.8 * plain.PAY_AMT1.sum() / plain.BILL_AMT2.sum()
    fresh = credit.production_day(7, day, many, "new_category")
    assert (fresh.EDUCATION == 7).mean() == pytest.approx(0.2, abs=0.02)
    assert 7 not in set(plain.EDUCATION)
    assert credit.production_day(7, day, many, "concept_change").equals(plain)
    before = credit.outcomes(7, day, many)
    after = credit.outcomes(7, day, many, "concept_change")
    assert after[credit.TARGET].mean() > before[credit.TARGET].mean() + 0.05
    assert before[credit.TARGET].mean() == pytest.approx(before["probability"].mean(), abs=0.02)


def test_an_unknown_shift_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="income_drop"):
        credit.production_day(7, date(2026, 7, 1), 10, "flood")


@pytest.mark.slow
def test_trees_beat_a_linear_model_and_stay_below_the_truth() -> None:
    import lightgbm
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = credit.population(11, 40_000)
    probability = true_probability(table)
    outcome = (np.random.default_rng(1).random(len(probability)) < probability).astype(int)
    rows = np.column_stack(
        [table[name] for name in credit.FEATURES if name not in {"SEX", "EDUCATION", "MARRIAGE", "AGE"}]
    )
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(rows[:15_000], outcome[:15_000])
    trees = lightgbm.LGBMClassifier(
        n_estimators=120, learning_rate=0.05, num_leaves=15, min_child_samples=40, n_jobs=2, verbose=-1
    ).fit(rows[:15_000], outcome[:15_000])
    scores = [roc_auc_score(outcome[15_000:], model.predict_proba(rows[15_000:])[:, 1]) for model in (linear, trees)]
    best = roc_auc_score(outcome[15_000:], probability[15_000:])
    assert scores[0] + 0.01 < scores[1] < best
