"""Gene sets whose genes change more than others."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_at_least
from kompot_scverse._data.gene_sets import set_weights
from kompot_scverse._data.holders import Data
from kompot_scverse._messages import logger
from kompot_scverse._results.extend import Extension, extend_runs
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.gene_sets import SetTest, set_test
from kompot_scverse._stats.gene_testing import GeneTestSettings

from ._replay import replay


def gene_sets(
    data: Data,
    net: pd.DataFrame | Mapping[str, Any],
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    min_genes: int = 5,
) -> None:
    r"""
    Test sets of genes for a change beyond that of other genes, anywhere in the cell states.

    In every node of the tree of neighbourhoods, the mean z of the genes of a set is compared with that of all other genes (a
    competitive test: camera, Wu & Smyth 2012). Genes of a set are correlated between samples even where nothing
    changes. This correlation is estimated for each set from the residuals of the samples, so that it is not taken for a change. The
    p-values of a set are combined over the nodes as those of genes are (Cauchy combination). This takes one pass over the data.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`de` with `sample_key`; cells and expression must be those of the run. Changed in place.
    net
        Sets as decoupler has them: a table with the columns `source` (set), `target` (gene) and, if wanted, `weight` (negative for genes
        that go the other way). Or a dictionary with the genes of each set.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call.
    mod
        Modality of a MuData; None for all that the run wrote to.
    min_genes
        Genes of the data that a set needs.

    Returns
    -------
    None. Added to the run: the table of :func:`kompot_scverse.get.gene_sets`.

    Raises
    ------
    LookupError
        If there is no such run, it has no replicates, or an argument of its call is not stored.
    ValueError
        If no set has enough genes, or the run tested several contrasts together.

    References
    ----------
    Wu & Smyth (2012), Nucleic Acids Research 40, e133.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> kp.tl.gene_sets(adata, {"first": list(adata.var_names[:10]), "last": list(adata.var_names[-10:])})
    >>> kp.get.gene_sets(adata).columns.to_list()
    ['n_genes', 'pvalue', 'qvalue', 'zscore', 'direction', 'region']
    """
    check_at_least(3, min_genes=min_genes)
    given = locals()
    for one in extend_runs(gene_sets, given, "de", lambda view, _: _of_run(view, net, min_genes)):
        rows = one.summary["gene_sets"]
        n = sum(row["qvalue"] is not None and row["qvalue"] <= 0.05 for row in rows)
        logger.info("%s: %d of %d gene sets have q up to 0.05.", one.view.title, n, len(rows))


def _of_run(view: RunView, net: Any, min_genes: int) -> Extension:
    if view.omnibus:
        raise ValueError(f"{view.name} tests several contrasts together, which have no single direction.")
    names, weights = set_weights(net, view.data.var_names.to_list(), min_genes)
    numbers = np.flatnonzero(np.isfinite(view.numbers("pvalue")))
    again = replay(view, numbers)
    # also of the genes that are learnt from
    own = np.zeros((len(again.numbers), len(names)))
    own[:] = weights[again.numbers]
    found = set_test(again.parts.of(), again.nodes, again.contrast.matrix, own, GeneTestSettings(), again.reference)
    return Extension(view, [], {"gene_sets": _table(names, found)})


def _table(names: list[str], found: SetTest) -> list[dict[str, Any]]:
    """What the run remembers: a row for each set."""
    rows = []
    for number, name in enumerate(names):
        z, tested = found.z[:, number], bool(np.isfinite(found.pvalue[number]))
        region = int(np.nanargmax(np.abs(z))) if tested else None
        rows.append(
            {
                "source": name,
                "n_genes": int(found.n_genes[number]),
                "pvalue": float(found.pvalue[number]) if tested else None,
                "qvalue": float(found.qvalue[number]) if tested else None,
                "zscore": round(float(z[region]), 4) if region is not None else None,
                "direction": ("up" if z[region] > 0 else "down") if region is not None else "",
                "region": region,
            }
        )
    return rows
