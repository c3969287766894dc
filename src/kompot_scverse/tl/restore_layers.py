"""Layers of a run attached again."""

from kompot_scverse._data.holders import Data, whole
from kompot_scverse._messages import logger
from kompot_scverse._results.store import write
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.find import all_views, find_views
from kompot_scverse._runs.rebuild import rebuild_layers


def restore_layers(data: Data, run_id: int = -1, *, mod: str | None = None) -> None:
    """
    Attach the layers of a run again, after :func:`cleanup` or after reading a file.

    They are computed from the basis and the weights of the run when they are read, and take no memory before. Layers of the
    run that are there already are replaced.

    Parameters
    ----------
    data
        Annotated data; changed in place.
    run_id
        Number of the run; negative numbers count from the last run that wrote layers.
    mod
        Modality of a MuData; None for all that the run wrote to.

    Returns
    -------
    None. Written are the layers under the names that the run gave them.

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
    if run_id < 0:
        runs = {view.run.run_id: view.run for view in all_views(data, mod)}
        with_layers = [number for number, run in runs.items() if any(entry["slot"] == "layers" for entry in run.fields)]
        if -run_id > len(with_layers):
            raise LookupError(
                f"{len(with_layers)} runs wrote layers, so there is no `run_id={run_id}`; call `kp.tl.de` first."
            )
        run_id = with_layers[run_id]
    fields, left_out = [], []
    for view in find_views(data, run_id=run_id, mod=mod):
        layers, not_built = rebuild_layers(view)
        fields += [Field("layers", key, "", "", value=layer, mod=view.mod) for key, layer in layers.items()]
        left_out += not_built
    if not fields:
        raise LookupError(f"Run {run_id} wrote no layers that can be built again.")
    write(whole(data), fields, [])
    logger.info("Attached %d layers of run %d.", len(fields), run_id)
    if left_out:
        logger.warning(
            "Not attached, because neither the replicates' weights nor the expression of the run are there: %s. "
            "`StorageSettings(sample_covariance='memory')` keeps the weights.", ", ".join(left_out),
        )  # fmt: skip
