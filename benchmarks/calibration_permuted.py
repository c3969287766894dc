"""Gene sets on real cells whose samples got their conditions at random: modules, genes of one family, and random sets."""

import re

import anndata as ad
import numpy as np
import scipy.sparse as sp
from calibration_data import DATA, collect_neighborhood_moments
from sklearn.cluster import KMeans

from kompot_scverse._stats.gene_sets import set_test
from kompot_scverse._stats.gene_testing import GeneTestSettings
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import default_n_centers, fit_neighborhoods, neighborhood_tree

__all__ = ["KINDS", "STUDIES", "permuted"]

DETECTED = 0.1
COMPONENTS, MODULES, LARGEST, SMALLEST = 30, 20, 60, 8
FAMILY = (5, 100)
"""Sizes of families: genes of the same name up to the first digit."""
FEWEST_CELLS = 20
SPLITS = 12
STUDIES = (("Kang ctrl", 8), ("Kang ctrl", 6), ("Kang stim", 8), ("Kang stim", 6), ("liver", 9))
"""Data, and how many of its samples are drawn for each split."""
KINDS = ("modules", "families", "random")


def _load(name: str) -> tuple[np.ndarray, sp.csr_matrix, np.ndarray, np.ndarray]:
    """Representation, expression, samples and names of the genes."""
    if name == "liver":
        adata, key, rep = ad.read_h5ad(DATA / "tms_liver_aging.h5ad"), "sample", "X_pca"
    else:
        adata, key, rep = ad.read_h5ad(DATA / "kang_pbmc_ifnb.h5ad"), "donor", "X_pca_harmony"
        adata = adata[adata.obs["condition"] == name.split()[1]].copy()
    counts = sp.csr_matrix(adata.X).astype(float)
    kept = np.asarray((counts > 0).mean(axis=0)).ravel() >= DETECTED
    y = sp.csr_matrix(sp.diags(1e4 / np.asarray(counts.sum(axis=1)).ravel()) @ counts[:, kept])
    y.data = np.log1p(y.data)
    return np.asarray(adata.obsm[rep]), y, adata.obs[key].astype(str).to_numpy(), adata.var_names[kept].to_numpy(str)


def _modules(y: sp.csr_matrix, rng: np.random.Generator) -> list[np.ndarray]:
    """Genes that go together over cells."""
    values = y.toarray()
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    _, singular, loadings = np.linalg.svd(values, full_matrices=False)
    shapes = loadings[:COMPONENTS].T * singular[:COMPONENTS]
    labels = KMeans(MODULES, n_init=1, random_state=0).fit_predict(
        shapes / np.linalg.norm(shapes, axis=1, keepdims=True)
    )
    found = [rng.permutation(np.flatnonzero(labels == one))[:LARGEST] for one in range(MODULES)]
    return [own for own in found if len(own) >= SMALLEST]


def _families(names: np.ndarray) -> list[np.ndarray]:
    prefix = np.array([re.match(r"[A-Za-z]{2,}|", name).group() for name in names])
    found = [np.flatnonzero(prefix == one) for one in np.unique(prefix[prefix != ""])]
    return [own for own in found if FAMILY[0] <= len(own) <= FAMILY[1]]


def permuted(name: str, n_samples: int) -> dict[str, np.ndarray]:
    """p of the sets by kind, splits x sets. Modules are those of one half of the cells, tests those of the other."""
    rng = np.random.default_rng(0)
    x, y, samples, names = _load(name)
    held = rng.uniform(size=len(samples)) < 0.5
    modules, families = _modules(y[held], rng), _families(names)
    random = [rng.choice(len(names), len(own), replace=False) for own in modules + families[: len(modules)]]
    sets = np.zeros((len(names), len(modules) + len(families) + len(random)))
    for column, own in enumerate(modules + families + random):
        sets[own, column] = 1
    kinds = np.repeat(KINDS, [len(modules), len(families), len(random)])
    x, y, samples = x[~held], y[~held], samples[~held]
    labels, sizes = np.unique(samples, return_counts=True)
    labels, found = labels[sizes >= FEWEST_CELLS], []
    for _ in range(SPLITS):
        chosen = rng.permutation(labels)[:n_samples]
        cells = np.isin(samples, chosen)
        codes = np.argsort(chosen)[np.searchsorted(np.sort(chosen), samples[cells])]
        fitted = fit_neighborhoods(x[cells], default_n_centers(int(cells.sum()), len(chosen)))
        moments = collect_neighborhood_moments(fitted.weights(x[cells]), y[cells], codes)
        late = np.arange(len(chosen)) < len(chosen) // 2
        design = SampleDesign(np.column_stack([np.ones(len(chosen)), late]).astype(float), np.array([0.0, 1.0]))
        found.append(set_test(moments, neighborhood_tree(fitted), design, sets, GeneTestSettings()).pvalue)
    return {kind: np.array(found)[:, kinds == kind] for kind in KINDS}
