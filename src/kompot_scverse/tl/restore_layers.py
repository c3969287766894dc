"""Attaching layers again."""

import logging

from anndata import AnnData

from kompot_scverse._data.provenance import find_run, iterate_runs
from kompot_scverse._data.rebuild import rebuild_layers
from kompot_scverse._data.resolve import check_anndata
from kompot_scverse._data.store import Field, write

__all__ = ["restore_layers"]

logger = logging.getLogger("kompot_scverse")


def restore_layers(data: AnnData, run_id: int = -1) -> None:
    """
    Attach the layers of a run again, after :func:`cleanup` or after reading, from its basis and weights.

    The layers are lazy: they take no memory until they are read, and also replace layers that were read from a file.

    Parameters
    ----------
    data
        Annotated data; changed in place.
    run_id
        Number of the run; negative numbers count from the last run that wrote layers.

    Raises
    ------
    LookupError
        If there is no such run, it wrote no layers, or its basis or weights are gone or overwritten.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> dropped = kp.tl.cleanup(adata)
    >>> kp.tl.restore_layers(adata)
    >>> adata.layers["kompot_de_Young_to_Old_fold_change"].shape
    (600, 100)
    """
    adata = check_anndata(data)
    if run_id < 0:
        with_layers = [run for run in iterate_runs(adata) if any(entry["slot"] == "layers" for entry in run.fields)]
        if -run_id > len(with_layers):
            raise LookupError(
                f"{len(with_layers)} runs wrote layers, so there is no `run_id={run_id}`; call `kp.tl.de` first."
            )
        run = with_layers[run_id]
    else:
        run = find_run(adata, run_id)
    layers, left_out = rebuild_layers(adata, run)
    if not layers:
        raise LookupError(f"Run {run.run_id} wrote no layers that can be built again.")
    write(adata, [Field("layers", key, "", "", value=layer) for key, layer in layers.items()], [])
    logger.info("Attached %d layers of run %d.", len(layers), run.run_id)
    if left_out:
        logger.warning(
            "Not attached, because the replicates' weights were dropped: %s. `kp.tl.cleanup(..., keep='sample_weights')` "
            "keeps them; run `kp.tl.de` again to get them back.", ", ".join(left_out),
        )  # fmt: skip
