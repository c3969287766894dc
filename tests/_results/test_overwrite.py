"""What would be overwritten is said before anything is computed."""

import pytest
from written import run

from kompot_scverse._results.overwrite import check_overwrite
from kompot_scverse._results.store import write
from kompot_scverse._runs.field import Field


def test_only_fields_that_exist_need_overwriting(adata, fields):
    new = [field for field in fields if field.key != "base_mean"]
    for overwrite in (None, True, False):
        check_overwrite(adata, new, overwrite)
    check_overwrite(adata, fields, True)
    with pytest.warns(UserWarning, match=r"1 fields written by something else than a recorded run: var\['base_mean'\]"):
        check_overwrite(adata, fields, None)
    write(adata, fields, [run(3, fields)])
    with pytest.raises(ValueError, match=r"5 fields exist already \(written by run 3\).*overwrite=True"):
        check_overwrite(adata, fields, False)


def test_names_that_are_too_long_for_a_file(adata):
    check_overwrite(adata, [Field("var", "é" * 127, "x", "a column")], None)
    with pytest.raises(ValueError, match="a column would be in var under a name of 256 bytes"):
        check_overwrite(adata, [Field("var", "é" * 128, "x", "a column")], None)
