"""Where results cannot be written is said before anything is computed."""

import copy
import pickle
import weakref
from pathlib import Path

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

import kompot_scverse as kp

CONTRAST = {"reference": "Young", "groups": "Old"}
TOOLS = {
    "da": lambda data, **more: kp.tl.da(data, "Age", **CONTRAST, **more),
    "de": lambda data, **more: kp.tl.de(data, "Age", **CONTRAST, **more),
    "smooth": kp.tl.smooth,
}


@pytest.fixture
def never(monkeypatch) -> None:
    monkeypatch.setattr("kompot_scverse._gp.model.fit_basis", lambda *_: pytest.fail("it was computed"))


@pytest.fixture
def backed(adata: AnnData, tmp_path: Path):
    adata.X = adata.layers["logged_counts"]
    adata.write_h5ad(tmp_path / "data.h5ad")
    opened = ad.read_h5ad(tmp_path / "data.h5ad", backed="r")
    yield opened
    opened.file.close()


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("tool", TOOLS)
def test_backed_data(backed: AnnData, unchanged, tool: str) -> None:
    view = backed[:200]
    with (
        unchanged(view),
        pytest.raises(ValueError, match=r"is a view of data .* cannot hold results; pass .*filename="),
    ):
        TOOLS[tool](view)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("tool", TOOLS)
def test_backed_modalities(citeseq: MuData, tmp_path: Path, tool: str) -> None:
    citeseq.write(tmp_path / "data.h5mu")
    backed = md.read_h5mu(tmp_path / "data.h5mu", backed=True)
    with pytest.raises(ValueError, match="or open the file without `backed`"):
        TOOLS[tool](backed[:200], use_rep="X_joint")
    backed.file.close()


def test_what_to_do_instead(backed: AnnData, tmp_path: Path) -> None:
    view = backed[:300]
    kp.tl.da(view.to_memory(), "Age", **CONTRAST)
    own = view.copy(filename=tmp_path / "own.h5ad")
    kp.tl.da(own, "Age", **CONTRAST)
    with pytest.raises(ValueError, match="is a view of data"):
        kp.tl.cleanup(own[:20])
    assert len(kp.get.da_df(own)) == 300
    # a plan changes nothing
    assert kp.pp.plan(view, "de", "Age", **CONTRAST).status
    own.file.close()


@pytest.mark.parametrize("layers", ["lazy", "disk"])
def test_copies_of_a_mudata_with_results(citeseq: MuData, tmp_path: Path, layers: str) -> None:
    storage = kp.StorageSettings(layers=layers, directory=tmp_path)
    kp.tl.de(citeseq, "Age", **CONTRAST, use_rep="X_joint", storage=storage, test=kp.TestSettings(null_genes=0))
    # mudata 0.4 holds a stand-in only weakly, without which no MuData, ours or not, can be pickled or copied deeply
    stand_in = AnnData()
    citeseq.file._adata_ref = weakref.ref(stand_in)
    key, table = "kompot_de_Young_to_Old_fold_change", kp.get.de_df(citeseq)
    for other in (citeseq.copy(), copy.copy(citeseq), copy.deepcopy(citeseq), pickle.loads(pickle.dumps(citeseq))):
        pd.testing.assert_frame_equal(kp.get.de_df(other), table)
        for mod in ("rna", "prot"):
            np.testing.assert_array_equal(np.asarray(other[mod].layers[key]), np.asarray(citeseq[mod].layers[key]))
    modality = pickle.loads(pickle.dumps(citeseq["rna"]))
    assert len(kp.get.de_df(modality)) == 46
