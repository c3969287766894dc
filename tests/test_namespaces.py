"""`adata.kompot` and `mdata.kompot`."""

import inspect
import pickle
import pydoc
import subprocess
import sys
import types

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest

import kompot_scverse as kp


@pytest.fixture
def mdata(adata):
    return md.MuData({"rna": adata})


@pytest.mark.parametrize("part", ["get", "pl", "pp", "tl"])
def test_every_function_on_data_is_there_with_its_docstring_and_signature(adata, mdata, part):
    module = getattr(kp, part)
    for data in (adata, mdata):
        bound = getattr(data.kompot, part)
        names = [
            name
            for name in module.__all__
            if isinstance(getattr(module, name), types.FunctionType)
            and "data" in inspect.signature(getattr(module, name)).parameters
            and name != "power" * (part == "pl")  # takes a table
        ]
        assert names
        assert dir(bound) == sorted(names)
        assert all(name in repr(bound) for name in names)
        for name in names:
            function, method = getattr(module, name), getattr(bound, name)
            assert method.__doc__ == function.__doc__
            assert list(inspect.signature(method).parameters) == list(inspect.signature(function).parameters)[1:]
            assert function.__doc__.strip().splitlines()[0] in pydoc.render_doc(method)


def test_the_functions_do_the_same(adata):
    other = adata.copy()
    adata.kompot.tl.de("Age", reference="Young", groups="Old", layer="logged_counts")
    kp.tl.de(other, "Age", reference="Young", groups="Old", layer="logged_counts")
    pd.testing.assert_frame_equal(adata.kompot.get.de_df(), kp.get.de_df(other))
    assert adata.kompot.get.runs().index.to_list() == [0]
    assert adata.kompot.RunInfo().run_id == 0
    assert adata.kompot.RunInfo.__doc__ == kp.RunInfo.__doc__
    assert adata.kompot.report.__func__ is kp.report
    assert adata.kompot.pp.plan("da", "Age", reference="Young", groups="Old").status


def test_completion_and_unknown_names(adata):
    assert dir(adata.kompot) == ["RunInfo", "get", "pl", "pp", "report", "tl"]
    assert "AnnData" in repr(adata.kompot)
    with pytest.raises(AttributeError, match="no 'dee'.*RunInfo"):
        _ = adata.kompot.dee
    with pytest.raises(AttributeError, match="no function 'dee'; it has.*cleanup"):
        _ = adata.kompot.tl.dee


def test_copies_and_subsets_have_their_own(adata):
    assert adata.kompot.tl._data is adata
    for other in (adata.copy(), adata[:50], adata[:50].copy()):
        assert other.kompot.tl._data is other
    assert pickle.loads(pickle.dumps(adata)).n_obs == adata.n_obs


@pytest.mark.parametrize("first", ["import kompot_scverse; import anndata, mudata", "import mudata, kompot_scverse"])
def test_registered_by_the_import(first):
    code = f"{first}; print(mudata.MuData.kompot.__doc__); import anndata; print(anndata.AnnData.kompot.__doc__)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "this MuData" in found
    assert "this AnnData" in found


def test_new_objects(adata):
    made = ad.AnnData(np.ones((3, 2), dtype="float32"))
    assert made.kompot.get.runs().empty
