"""What spawned processes of the tests run: they find this folder, but not the modules of the tests themselves."""

from anndata import AnnData

import kompot_scverse as kp


def abundance(adata: AnnData) -> AnnData:
    """The data with a run, as they come back from another process."""
    kp.tl.da(adata, "Age", reference="Young", groups="Old")
    return adata
