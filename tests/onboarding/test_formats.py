"""How numbers and dates are written: what the values prove, what they leave open."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.onboarding import dates
from pipelines.onboarding.asking import Refuse
from pipelines.onboarding.formats import decide
from pipelines.sources.local import GROUPS, Dialect, localised, plain_number, plain_texts
from pipelines.sources.tables import typed


def writing(*values: str, **columns: list[str]) -> tuple[str, str]:
    found = decide({"a": list(values), **columns}, Refuse())
    return found.decimal, found.thousands


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["1,5", "2,25"], (",", "")),
        (["1.234,50", "7,10"], (",", ".")),
        (["1,234.50", "7.10"], (".", ",")),
        (["1.5", "2.25"], (".", "")),
        (["1,234,567", "12"], (".", ",")),
        (["1.234.567", "12"], (",", ".")),
        (["1 234", "12"], (".", " ")),
        (["1 234,5", "12"], (",", " ")),
        (["1'234.5", "12"], (".", "'")),
        (["1\u202f234,5", "12"], (",", " ")),
        (["7.0", "8.0", "9.0"], (".", "")),
        (["Köln", "x,y"], (".", "")),
        (["01.02.2024", "03.02.2024"], (".", "")),
    ],
)
def test_the_writing_of_numbers_is_found(values: list[str], wanted: tuple[str, str]) -> None:
    assert writing(*values) == wanted


def test_three_digits_after_a_comma_are_decided_by_the_other_columns() -> None:
    assert writing("1,234", b=["0,5"]) == (",", "")
    assert writing("1,234", b=["0.5"]) == (".", ",")


@pytest.mark.parametrize("columns", [{"b": ["12"]}, {"b": ["0,5"], "c": ["0.5"]}])
def test_what_stays_open_is_refused_with_the_option(columns: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match="--decimal"):
        writing("1,234", **columns)


@settings(max_examples=100, deadline=None)
@given(
    number=st.decimals(min_value=-(10**12), max_value=10**12, places=3, allow_nan=False),
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from(["", *GROUPS]),
)
def test_any_written_number_is_read_back(number: object, decimal: str, thousands: str) -> None:
    if decimal == thousands:
        return
    text = f"{number:,.3f}".translate({ord(","): thousands, ord("."): decimal})
    plain = plain_number(text, decimal, thousands)
    assert plain is not None
    assert float(plain) == float(number)  # type: ignore[arg-type]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="0123456789.,' abc-", max_size=12))
def test_no_text_is_ever_read_as_two_different_numbers_by_being_rewritten_twice(text: str) -> None:
    once = plain_number(text, ",", ".")
    if once is not None and "." not in once and "e" not in once:
        assert plain_number(once, ".", "") == once


def test_a_stray_word_does_not_keep_a_column_from_being_rewritten() -> None:
    dialect = Dialect(decimal=",", thousands=".", missing=("?",))
    assert plain_texts(["1,5", "1.000", "?", "soon", None, ""], dialect).tolist() == [
        "1.5", "1000", "", "soon", None, "",
    ]  # fmt: skip
    assert plain_texts(["a", "b", "1,5"], dialect).tolist() == ["a", "b", "1,5"]


def test_codes_with_leading_zeros_stay_codes() -> None:
    table = typed(localised(pd.DataFrame({"zip": ["01067", "10115"], "x": ["1,5", "2"]}), Dialect(decimal=",")))
    assert table["zip"].tolist() == ["01067", "10115"]
    assert table["x"].tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("values", "formats"),
    [
        (["2024-01-31", "2024-02-01"], ()),
        (["2024-01-31T10:00:00Z", "2024-02-01 11:12:13"], ()),
        (["31.01.2024", "01.02.2024"], ("%d.%m.%Y",)),
        (["31/01/2024 10:15", "01/02/2024 11:00"], ("%d/%m/%Y %H:%M",)),
        (["01/31/2024", "02/01/2024"], ("%m/%d/%Y",)),
        (["31-Jan-2024", "01-Feb-2024"], ("%d-%b-%Y",)),
        (["2024年1月31日", "2024年2月1日"], ("%Y年%m月%d日",)),
    ],
)
def test_the_format_of_dates_is_found(values: list[str], formats: tuple[str, ...]) -> None:
    found = dates.find("when", values)
    assert found is not None
    assert found.formats == formats
    assert not found.open


def test_dates_in_two_formats_need_both() -> None:
    found = dates.find("when", ["31.01.2024", "2024/02/01", "28.02.2024", "2024/03/05"])
    assert found is not None
    assert set(found.formats) == {"%d.%m.%Y", "%Y/%m/%d"}


def test_day_or_month_first_stays_open_where_nothing_tells() -> None:
    found = dates.find("when", ["01/02/2024", "03/04/2024"])
    assert found is not None
    assert {*found.formats, *found.open} == {"%d/%m/%Y", "%m/%d/%Y"}


def test_eight_digits_are_a_date_only_by_name() -> None:
    assert dates.find("amount", ["20240131", "20240201"]) is None
    assert dates.find("order_date", ["20240131", "20240201"]) == dates.Dates(("%Y%m%d",))


@pytest.mark.parametrize("values", [["1.5", "2.5"], ["Köln", "Paris"], ["10-20", "30-40"], ["", " "]])
def test_what_is_no_date_is_none(values: list[str]) -> None:
    assert dates.find("x", values) is None


def test_dates_become_iso_and_what_does_not_fit_stays() -> None:
    dialect = Dialect(dates={"when": ("%d.%m.%Y", "%Y/%m/%d")})
    table = localised(pd.DataFrame({"when": ["31.01.2024", "2024/02/01", "soon", None]}), dialect)
    assert table["when"].tolist() == ["2024-01-31", "2024-02-01", "soon", None]
