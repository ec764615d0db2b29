"""From a file to a product: what is concluded, said, written, and refused."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from drafting import customers, draft, make_project

from pipelines.config import load_params
from pipelines.errors import ConfigError, DataError, SourceError
from pipelines.features.values import category_key
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.validation.suite import load_suite


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_project(tmp_path / "project")


def csv(tmp_path: Path, frame: pd.DataFrame, name: str = "t.csv", **options: object) -> Path:
    frame.to_csv(tmp_path / name, index=False, **options)
    return tmp_path / name


def test_a_table_is_understood_and_every_conclusion_has_a_reason(layout: Layout, tmp_path: Path) -> None:
    drafted, said = draft(layout, csv(tmp_path, customers()))
    block = load_params(layout.params).product("churn")
    assert (block.problem, block.columns.task, block.columns.positive) == ("tabular", "binary", "yes")
    assert block.columns.id == "customer_id"
    assert block.columns.numeric == ("spent", "visits")
    assert block.columns.categorical == ("city",)
    why = {name: part.why for name, part in drafted.conclusion.parts.items() if part.role == "left out"}
    assert why["country"] == "one value only"
    assert why["fax"] == "no value at all"
    assert "dates (ISO 8601)" in why["opened"]
    assert "free text" in why["comment"]
    assert "leak suspect" in why["closed_reason"]
    for words in (
        "unique in all 600 rows",
        "'yes' says yes",
        "--keep closed_reason",
        "--time opened",
        "--text comment",
    ):
        assert words in said
    for model in ("lightgbm", "tabm"):
        assert re.search(rf"models +{model} .*(trained|left out for now): ", said)
    assert set(load_params(layout.params).candidates_of("churn")) == {"lightgbm", "tabm"}


def test_a_column_that_outdoes_all_others_is_left_out_until_a_person_vouches_for_it(
    layout: Layout, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({f"habit_{place}": rng.normal(size=1500).round(3) for place in range(5)})
    frame["calls_minutes"] = rng.gamma(2.0, 4.0, 1500).round(2)
    score = 0.3 * frame["habit_0"] + 0.3 * frame["habit_1"] + (frame["calls_minutes"] - 8) / 3 + rng.normal(size=1500)
    frame["bought"] = np.where(score > 0, "yes", "no")
    drafted, said = draft(layout, csv(tmp_path, frame), target="bought", product="sale")
    assert "calls_minutes" not in load_params(layout.params).product("sale").columns.numeric
    assert "more than the 5 other features together" in said
    assert "--keep calls_minutes" in said
    assert drafted.conclusion.known_before == {}
    draft(layout, tmp_path / "t.csv", target="bought", product="sale_2", keep=("calls_minutes",))
    block = load_params(layout.params).product("sale_2")
    assert "calls_minutes" in block.columns.numeric
    assert set(block.prepare.known_before) == {"calls_minutes"}


def test_the_rest_of_params_yaml_stays_byte_for_byte(layout: Layout, tmp_path: Path) -> None:
    before = layout.params.read_text(encoding="utf-8").splitlines()
    draft(layout, csv(tmp_path, customers()))
    after = layout.params.read_text(encoding="utf-8").splitlines()
    rest = iter(after)
    assert all(line in rest for line in before)
    assert "CHECK" in layout.params.read_text(encoding="utf-8")
    assert not re.search(r"[:\s][&*]\w", "\n".join(line.split("#")[0] for line in after if line not in before))


def test_the_block_has_every_section_that_dvc_yaml_reads(layout: Layout, tmp_path: Path, root: Path) -> None:
    draft(layout, csv(tmp_path, customers()))
    block = yaml.safe_load(layout.params.read_text(encoding="utf-8"))["products"]["churn"]
    text = (root / "dvc.yaml").read_text(encoding="utf-8")
    needed = set(re.findall(r"- products\.\$\{(?:key|item\.product)\}\.(\w+)$", text, flags=re.M))
    assert needed
    assert needed <= set(block)


@pytest.mark.slow
def test_the_suite_accepts_the_present_data_and_says_why_for_each_rule(layout: Layout, tmp_path: Path) -> None:
    from own_data import DAY

    from pipelines.night.snapshot import take_snapshot
    from pipelines.runtime import run_stage

    draft(layout, csv(tmp_path, customers()))
    suite = load_suite(layout.suite("churn"))
    assert all(rule.why for rule in suite.rules)
    take_snapshot(layout, load_params(layout.params), "churn", DAY)
    run_stage(layout, "fetch", "churn")
    verdict = run_stage(layout, "validate", "churn")
    assert verdict.passed, verdict.line()
    report = read_json(layout.stage("validate", "churn") / "validation.json")
    assert report["rows"] == {"fetched": 600, "accepted": 600, "quarantined": 0}


def test_labels_written_in_many_ways_become_two(layout: Layout, tmp_path: Path) -> None:
    frame = customers()
    ways = {"yes": ["yes", "Yes", "Y", "1", "true", "TRUE"], "no": ["no", "No", "n", "0", "false"]}
    rng = np.random.default_rng(1)
    frame["churned"] = [rng.choice(ways[value]) for value in frame["churned"]]
    frame.loc[:30, "churned"] = ""
    drafted, said = draft(layout, csv(tmp_path, frame), drop=("closed_reason",))
    target = drafted.conclusion.target
    assert target.task == "binary"
    assert target.blank == 31
    assert len(target.classes) == 2
    assert "31 rows have no label" in said
    typed = drafted.conclusion.look.table(load_params(layout.params).product("churn").source)
    assert {category_key(value) for value in typed["churned"].dropna().unique()} == set(target.classes)


@pytest.mark.parametrize("wanted", ["bad", "good"])
def test_two_words_need_a_person_to_say_which_is_positive(layout: Layout, tmp_path: Path, wanted: str) -> None:
    frame = customers()
    frame["churned"] = frame["churned"].map({"yes": "bad", "no": "good"})
    path = csv(tmp_path, frame)
    with pytest.raises(ConfigError, match="--positive"):
        draft(layout, path)
    draft(layout, path, positive=wanted)
    assert load_params(layout.params).product("churn").columns.positive == wanted


def test_few_whole_numbers_may_be_classes_or_a_quantity(layout: Layout, tmp_path: Path) -> None:
    frame = customers()
    frame["stars"] = pd.qcut(frame["spent"] + np.random.default_rng(0).normal(0, 20, 600), 4, labels=[1, 2, 3, 4])
    path = csv(tmp_path, frame.drop(columns=["churned", "closed_reason"]))
    with pytest.raises(ConfigError, match="--task"):
        draft(layout, path, "stars")
    drafted, _ = draft(layout, path, "stars", task="regression")
    assert drafted.conclusion.metric == "rmse"
    drafted, _ = draft(layout, path, "stars", "classes", task="multiclass")
    assert set(drafted.conclusion.target.classes) == {"1", "2", "3", "4"}


def test_rare_classes_go_to_quarantine_and_are_named(layout: Layout, tmp_path: Path) -> None:
    frame = customers()
    frame["kind"] = np.where(frame["spent"] > 120, "big", np.where(frame["spent"] > 60, "middle", "small"))
    frame.loc[:2, "kind"] = "odd"
    drafted, said = draft(layout, csv(tmp_path, frame.drop(columns=["spent", "churned"])), "kind")
    assert drafted.conclusion.target.refused == {"odd": 3}
    assert "'odd' (3)" in said


def test_decimal_commas_words_for_missing_and_ids_as_floats(layout: Layout, tmp_path: Path) -> None:
    frame = customers().drop(columns=["closed_reason"])
    frame["customer_id"] = frame["customer_id"].astype(float)
    frame["spent"] = frame["spent"].map(lambda value: f"{value + 1000:,.2f}".translate({44: ".", 46: ","}))
    frame["visits"] = frame["visits"].astype(str)
    frame.loc[::10, "visits"] = "?"
    frame.loc[3, "spent"] = "soon"
    drafted, said = draft(layout, csv(tmp_path, frame, sep=";", encoding="cp1252"))
    source = load_params(layout.params).product("churn").source
    assert (source.decimal, source.thousands, source.missing, source.encoding) == (",", ".", ("?",), "cp1252")
    assert drafted.conclusion.id == "customer_id"
    assert drafted.conclusion.of("numeric") == ["spent", "visits"]
    for words in ("cp1252 assumed", "decimal sign ','", "read as missing", "1 values are no numbers ('soon')"):
        assert words in said
    table = drafted.conclusion.table
    assert table["visits"].isna().sum() == 60


def test_a_mixed_column_is_said_and_read_as_categories(layout: Layout, tmp_path: Path) -> None:
    frame = customers()
    frame["visits"] = frame["visits"].astype(str)
    frame.loc[::4, "visits"] = "many"
    drafted, said = draft(layout, csv(tmp_path, frame))
    assert "visits" in drafted.conclusion.of("categorical")
    assert "mixed: 75% numbers" in said


def test_columns_named_like_keywords_signs_and_in_chinese(layout: Layout, tmp_path: Path) -> None:
    names = {"spent": "select", "visits": "金额: #1", "city": 'order by "x"', "customer_id": "编号", "churned": "yes"}
    drafted, _ = draft(layout, csv(tmp_path, customers().rename(columns=names)), "yes")
    columns = load_params(layout.params).product("churn").columns
    assert columns.numeric == ("select", "金额: #1")
    assert columns.categorical == ('order by "x"',)
    assert (columns.id, columns.target) == ("编号", "yes")
    assert drafted.block in layout.params.read_text(encoding="utf-8")


def test_a_query_is_drafted_like_a_file(layout: Layout) -> None:
    path = layout.root / "shop.db"
    with sqlite3.connect(path) as connection:
        customers().drop(columns=["fax"]).astype({"opened": str}).to_sql("customers", connection, index=False)
    from pipelines.onboarding.door import new_product
    from pipelines.onboarding.wish import Wish

    new_product(layout, Wish("churn", f"sqlite:///{path}", "churned", query="SELECT * FROM customers"), lambda _: None)
    source = load_params(layout.params).product("churn").source
    assert (source.kind, source.url) == ("sql", "sqlite:///shop.db")


def test_protected_columns_are_kept_for_slices_unless_a_reason_is_given(layout: Layout, tmp_path: Path) -> None:
    frame = customers().rename(columns={"visits": "age"})
    path = csv(tmp_path, frame)
    draft(layout, path)
    assert "age" not in load_params(layout.params).product("churn").feature_columns
    draft(layout, path, product="other", unprotected={"age": "the law asks for it"})
    other = load_params(layout.params).product("other")
    assert "age" in other.feature_columns
    assert other.requirements.protected_as_features == {"age": "the law asks for it"}


def test_a_time_column_splits_by_time_and_an_open_format_is_refused(layout: Layout, tmp_path: Path) -> None:
    frame = customers()
    path = csv(tmp_path, frame, "iso.csv")
    draft(layout, path, time="opened")
    assert load_params(layout.params).product("churn").prepare.split.by == "time"
    frame["opened"] = [f"{1 + n % 12:02d}/{1 + n % 9:02d}/2024" for n in range(len(frame))]
    path = csv(tmp_path, frame, "us.csv")
    with pytest.raises(ConfigError, match="day or the month first"):
        draft(layout, path, product="us", time="opened")
    draft(layout, path, product="us", time="opened", dates={"opened": "%m/%d/%Y"})
    assert load_params(layout.params).product("us").source.dates == {"opened": ("%m/%d/%Y",)}


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda f: f.assign(churned="yes"), {}, "holds one value only"),
        (lambda f: f.assign(churned=None), {}, "is empty"),
        (lambda f: f.assign(churned=f["comment"]), {}, "classes"),
        (lambda f: f.head(100), {}, "too few"),
        (lambda f: f[["churned", "country"]], {}, "no column is left to learn from"),
        (lambda f: f, {"target": "churnd"}, "no such column"),
        (lambda f: f, {"id": "city"}, "--group city"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_one_line_and_nothing_is_written(
    layout: Layout, tmp_path: Path, change: object, options: dict[str, str], said: str
) -> None:
    before = layout.params.read_bytes()
    path = csv(tmp_path, change(customers()))  # type: ignore[operator]
    with pytest.raises((ConfigError, DataError), match=said) as caught:
        draft(layout, path, **options)
    assert "\n" not in caught.value.line()
    assert layout.params.read_bytes() == before
    assert not layout.suite("churn").exists()


@pytest.mark.parametrize("name", ["Churn", "1st", "a-b", "", "x" * 60])
def test_a_name_that_is_none_is_refused(layout: Layout, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a product's name"):
        draft(layout, csv(tmp_path, customers()), product=name)


def test_a_taken_name_a_missing_file_and_a_web_address_are_refused(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="already"):
        draft(layout, csv(tmp_path, customers()), product="credit_risk")
    with pytest.raises(SourceError, match="no such file"):
        draft(layout, tmp_path / "gone.csv")
    from pipelines.onboarding.door import new_product
    from pipelines.onboarding.wish import Wish

    for data, query, said in (("https://x.org/a.csv", None, "web address"), ("sqlite:///x.db", None, "--query")):
        with pytest.raises(ConfigError, match=said):
            new_product(layout, Wish("churn", data, "y", query=query), lambda _: None)


def test_files_of_a_glob_are_looked_at_together_and_must_have_the_same_columns(layout: Layout, tmp_path: Path) -> None:
    frame = customers(900)
    csv(tmp_path, frame.iloc[:500], "a1.csv")
    csv(tmp_path, frame.iloc[500:], "a2.csv")
    drafted, _ = draft(layout, tmp_path / "a*.csv")
    assert drafted.conclusion.look.rows == 900
    csv(tmp_path, frame.drop(columns=["city"]), "a3.csv")
    with pytest.raises(SourceError, match="differ from those of a1"):
        draft(layout, tmp_path / "a*.csv", product="other")


def test_parquet_and_json_lines_give_the_same_roles_as_csv(layout: Layout, tmp_path: Path) -> None:
    frame = customers().drop(columns=["fax"])
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True, date_format="iso")
    of_csv, _ = draft(layout, csv(tmp_path, frame))
    for name in ("t.parquet", "t.jsonl"):
        other, _ = draft(layout, tmp_path / name, product=name.split(".")[1])
        assert other.conclusion.of("numeric") == of_csv.conclusion.of("numeric")
        assert other.conclusion.of("categorical") == of_csv.conclusion.of("categorical")
        assert other.conclusion.id == "customer_id"


def test_text_and_uplift_are_drafted_and_a_forecast_asks_for_its_series(layout: Layout, tmp_path: Path) -> None:
    frame = customers(1200)
    path = csv(tmp_path, frame)
    draft(layout, path, text="comment", product="words")
    words = load_params(layout.params).product("words")
    assert (words.problem, words.columns.task, words.columns.text) == ("text", "multiclass", "comment")
    assert words.feature_columns == ()
    frame["arm"] = np.random.default_rng(0).choice(["none", "mail", "call"], len(frame))
    path = csv(tmp_path, frame, "u.csv")
    draft(layout, path, treatment="arm", product="uplift")
    uplift = load_params(layout.params).product("uplift")
    assert (uplift.problem, uplift.columns.treatment, uplift.columns.control) == ("uplift", "arm", "none")
    assert "arm" not in uplift.feature_columns
    assert set(load_params(layout.params).candidates_of("uplift")) == {"t_learner", "dr_learner"}
    frame["arm"] = frame["arm"].replace("none", "letter")
    with pytest.raises(ConfigError, match="--control"):
        draft(layout, csv(tmp_path, frame, "v.csv"), treatment="arm", product="v")
    with pytest.raises(ConfigError, match="give --series COLUMN"):
        draft(layout, path, problem="forecast", product="f")


def test_the_look_keeps_to_a_bounded_sample_and_counts_every_row(layout: Layout, tmp_path: Path) -> None:
    from pipelines.onboarding import sample

    rows = 2 * sample.MOST_ROWS + 7000
    frame = pd.concat([customers(1000)] * (rows // 1000), ignore_index=True)
    frame["customer_id"] = np.arange(len(frame))
    frame.loc[len(frame) - 1, "customer_id"] = 5  # the very last row repeats an id
    drafted, _ = draft(layout, csv(tmp_path, frame[["customer_id", "spent", "visits", "churned"]]))
    look = drafted.conclusion.look
    assert look.rows == len(frame)
    assert sample.MOST_ROWS <= len(look.raw) <= 2 * sample.MOST_ROWS
    assert not look.whole
    assert drafted.conclusion.id is None  # seen in the counts, not in the sample
    assert look.facts["customer_id"].unique is False
