"""What a reader is told of a run, without the machine it was made on."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run
from pages import read_page

from kompot_scverse._report.provenance import provenance, without_paths
from kompot_scverse._report.run import ReportedRun


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('data="/home/me/study/cells.h5ad",', 'data="…/cells.h5ad",'),
        ("~/results/", "…/results"),
        (r"C:\Users\me\cells.h5ad", "…/cells.h5ad"),
        ("a/b is no path, nor is 3/4", "a/b is no path, nor is 3/4"),
        ("~ age + sex", "~ age + sex"),
    ],
)
def test_of_paths_the_last_part_is_shown(text: str, shown: str) -> None:
    assert without_paths(text) == shown


def test_fields_are_listed_with_what_has_become_of_them() -> None:
    adata = AnnData(np.zeros((2, 2)))
    view = add_run(adata, params={"ls": 1.5}, var={"mean_lfc": np.zeros(2), "pvalue": np.zeros(2)})
    del adata.var["k_pvalue"]
    (part,) = provenance([ReportedRun(adata, view, None, None, None, 10)])
    page = read_page(f"<main>{part}</main>")
    assert "Fields (2: 1 present, 1 missing)" in page.texts["h4"]
    assert any(text.startswith("Run 0: expression, Young → Old") for text in page.texts["summary"])
    assert "1.5" in "".join(text for texts in page.texts.values() for text in texts)
