"""The verdict on windows: silent without change, naming what has moved, never fooled by sheer size."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from windows import DAY, PRODUCT, day

from pipelines.config import Params
from pipelines.monitoring.judge import judge, limits_of
from pipelines.monitoring.reference import Reference, make_reference, read_reference, reference_json
from pipelines.monitoring.verdict import ColumnDrift, DriftVerdict, Limits

LIMITS = Limits()


def column(verdict: DriftVerdict, name: str) -> ColumnDrift:
    return next(found for found in verdict.columns if found.name == name)


def test_windows_without_change_are_steady(reference: Reference) -> None:
    verdicts = [judge(reference, day(on=DAY + timedelta(days=number)), LIMITS) for number in range(40)]
    assert {verdict.status for verdict in verdicts} == {"steady"}


def test_a_recession_is_an_alarm_that_names_delays_and_the_score(reference: Reference) -> None:
    verdict = judge(reference, day("income_drop"), LIMITS)
    moved = {found.name for found in verdict.drifted}
    assert verdict.status == "alarm"
    assert verdict.drifted_share >= 0.3
    assert {"PAY_0", "PAY_2", "score"} <= moved
    assert "SEX" not in moved
    assert verdict.drifted[0].name == "score"
    late = column(verdict, "PAY_0")
    assert late.window_mean > late.reference_mean
    count = sum(found.drifted for found in verdict.inputs)
    assert verdict.line().startswith(f"watch: alarm, {count} of 23 input columns moved: score, ")


def test_a_new_code_is_named_with_its_share(reference: Reference) -> None:
    verdict = judge(reference, day("new_category"), LIMITS)
    education = column(verdict, "EDUCATION")
    assert "unseen" in education.signs
    assert education.unseen_names == ("7",)
    assert education.unseen == pytest.approx(0.2, abs=0.06)
    assert verdict.status in {"moved", "alarm"}
    assert {found.name for found in verdict.drifted} == {"EDUCATION", "MARRIAGE"}


def test_missing_values_are_a_sign_of_their_own_and_a_broken_column_alarms(reference: Reference) -> None:
    some = day()
    some["LIMIT_BAL"] = some["LIMIT_BAL"].astype(float).mask(np.arange(len(some)) % 10 == 0)
    few = judge(reference, some, LIMITS)
    assert column(few, "LIMIT_BAL").signs == ("missing",)
    assert column(few, "LIMIT_BAL").missing_window == pytest.approx(0.1)
    assert few.status == "moved"
    gone = judge(reference, day().drop(columns="LIMIT_BAL"), LIMITS)
    assert gone.status == "alarm"
    assert column(gone, "LIMIT_BAL").effect is None
    assert column(gone, "LIMIT_BAL").missing_window == 1.0


def test_refused_rows_have_no_score_and_that_is_an_alarm(reference: Reference) -> None:
    window = day()
    window.loc[: len(window) // 5, "score"] = np.nan
    verdict = judge(reference, window, LIMITS)
    assert column(verdict, "score").signs == ("missing",)
    assert verdict.status == "alarm"


def test_a_harmless_change_in_many_rows_is_not_drift(params: Params) -> None:
    rows = day(rows=50_000, on=date(2026, 1, 1))
    reference = make_reference(rows, PRODUCT, "v", params.products[PRODUCT])
    window = day(rows=100_000)
    for name in ("BILL_AMT1", "BILL_AMT2", "BILL_AMT3"):
        window[name] = (window[name] * 1.02).round()
    verdict = judge(reference, window, LIMITS)
    assert column(verdict, "BILL_AMT1").p_value < 0.01
    assert verdict.status == "steady"


def test_a_large_effect_within_the_noise_of_few_rows_is_not_drift(reference: Reference) -> None:
    verdict = judge(reference, day(rows=60), LIMITS)
    assert any((found.effect or 0) > LIMITS.effect for found in verdict.columns)
    assert verdict.status == "steady"


def test_too_few_rows_are_not_judged(reference: Reference) -> None:
    verdict = judge(reference, day(rows=49), LIMITS)
    assert verdict.status == "unjudged"
    assert verdict.columns == ()
    assert "too few" in verdict.line()


def test_codes_are_equal_however_they_are_stored(reference: Reference) -> None:
    window = day()
    as_stored = judge(reference, window, LIMITS)
    for kind in (float, str, "Int64", "category"):
        other = window.assign(SEX=window["SEX"].astype(kind), EDUCATION=window["EDUCATION"].astype(kind))
        assert judge(reference, other, LIMITS) == as_stored


def test_numbers_stored_as_text_or_nullable_are_equal(reference: Reference) -> None:
    window = day()
    as_stored = judge(reference, window, LIMITS)
    assert judge(reference, window.assign(AGE=window["AGE"].astype(str)), LIMITS) == as_stored
    assert judge(reference, window.assign(AGE=window["AGE"].astype("Int64")), LIMITS) == as_stored


def test_what_a_row_order_or_a_thread_count_changes_is_nothing(reference: Reference) -> None:
    window = day("income_drop")
    first = judge(reference, window, LIMITS, threads=1)
    assert judge(reference, window.sample(frac=1, random_state=1), LIMITS, threads=4) == first


def test_a_reference_survives_json_and_judges_the_same(reference: Reference) -> None:
    back = read_reference(reference_json(reference))
    assert judge(back, day("income_drop"), LIMITS) == judge(reference, day("income_drop"), LIMITS)


def test_protected_columns_are_watched_as_such_and_the_target_is_not(params: Params, reference: Reference) -> None:
    roles = {watched.name: watched.role for watched in reference.columns}
    assert roles["SEX"] == "protected"
    assert roles["PAY_0"] == "feature"
    assert roles["score"] == "prediction"
    assert params.products[PRODUCT].columns.target not in roles
    assert "ID" not in roles


def test_numeric_columns_with_few_values_are_judged_as_categories(params: Params) -> None:
    rows = pd.DataFrame({"LIMIT_BAL": [0, 1] * 400, "AGE": np.arange(800)})
    reference = make_reference(rows, PRODUCT, "v", params.products[PRODUCT])
    assert {found.name: found.method for found in reference.columns} == {
        "LIMIT_BAL": "jensenshannon",
        "AGE": "wasserstein",
    }
    shifted = judge(reference, rows.assign(LIMIT_BAL=1), LIMITS)
    assert column(shifted, "LIMIT_BAL").signs == ("distribution",)


def test_constant_and_empty_reference_columns_do_no_harm(params: Params) -> None:
    rows = pd.DataFrame({"LIMIT_BAL": 5.0, "AGE": np.nan, "PAY_0": np.arange(300.0)})
    reference = make_reference(rows, PRODUCT, "v", params.products[PRODUCT])
    same = judge(reference, rows, LIMITS)
    assert same.status == "steady"
    filled = judge(reference, rows.assign(AGE=30.0, LIMIT_BAL=6.0), LIMITS)
    assert column(filled, "AGE").signs == ("missing",)
    assert "unseen" in column(filled, "LIMIT_BAL").signs


def test_limits_come_from_params(params: Params) -> None:
    watch = params.products[PRODUCT].watch
    limits = limits_of(watch)
    assert (limits.effect, limits.share) == (watch.drift_limit, watch.drift_share)
    assert limits.significance == watch.significance
