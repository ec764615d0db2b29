from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.serving.labels import PAGES, endpoint_label

SERVED = {"a", "b"}
ALL = (
    PAGES
    | {f"/v1/{p}/{name}" for p in (*SERVED, "{product}") for name in ("predict", "feedback")}
    | {f"/v1/products/{p}" for p in (*SERVED, "{product}")}
    | {f"/v1/products/{p}/card" for p in SERVED}
    | {"other"}
)


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/v1/a/predict", "/v1/a/predict"),
        ("/v1/zzz/predict", "/v1/{product}/predict"),
        ("/v1/a/feedback", "/v1/a/feedback"),
        ("/v1/a/other", "other"),
        ("/v1/products", "/v1/products"),
        ("/v1/products/b/card", "/v1/products/b/card"),
        ("/v1/products/zzz/card", "/v1/products/{product}"),
        ("/v1/products/a/b/c", "other"),
        ("/readyz", "/readyz"),
        ("/wp-login.php", "other"),
        ("", "other"),
    ],
)
def test_a_path_has_the_label_of_its_page_and_product(path: str, label: str) -> None:
    assert endpoint_label(path, SERVED) == label


@given(st.text(alphabet="/av1bprodcuts{}.", max_size=40) | st.text(max_size=20))
def test_no_path_makes_a_label_of_its_own(path: str) -> None:
    assert endpoint_label(path, SERVED) in ALL
