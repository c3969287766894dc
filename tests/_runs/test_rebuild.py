"""Layers from basis and weights against the products written out."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run
from scipy.stats import norm

from kompot_scverse._runs.rebuild import (
    build_layer,
    layer_at,
    layer_name,
    layer_values,
    rebuild_layers,
    smoothed,
)
from kompot_scverse._runs.run import Run

RNG = np.random.default_rng(0)
N, GENES, RANK = 6, 4, 3
PHI = RNG.normal(size=(N, RANK)).astype("f4")
REFERENCE, GROUP = (RNG.normal(size=(GENES, RANK)).astype("f4") for _ in range(2))
STD = {role: RNG.random(N).astype("f4") for role in ("reference", "group")}
FACTORS = {role: RNG.normal(size=(GENES, RANK, 2)).astype("f4") for role in ("reference", "group")}
CHANGE = PHI @ (GROUP - REFERENCE).T
ALL = slice(None)


def data() -> AnnData:
    adata = AnnData(np.zeros((N, GENES)))
    adata.obs["Age"] = ["Young", "Old"] * 3
    return adata


def pooled(adata: AnnData, **more):
    return add_run(
        adata, obsm={"basis": PHI}, varm={"reference_weights": REFERENCE, "group_weights": GROUP},
        obs={f"{role}_std": values for role, values in STD.items()}, **more,
    )  # fmt: skip


def replicated(adata: AnnData):
    weights = {"reference_weights": REFERENCE, "group_weights": GROUP}
    factors = {f"{role}_sample_weights": values for role, values in FACTORS.items()}
    return add_run(
        adata, params={"sample_key": "donor"}, obsm={"basis": PHI}, varm=weights | factors,
        obs={f"{role}_std": values for role, values in STD.items()},
    )  # fmt: skip


def test_means_and_changes_are_products() -> None:
    view = pooled(data())
    for name, expected in (
        ("imputed_reference", PHI @ REFERENCE.T),
        ("imputed_group", PHI @ GROUP.T),
        ("imputed", PHI @ GROUP.T),
        ("fold_change", CHANGE),
    ):
        np.testing.assert_allclose(layer_values(view, name, ALL, ALL), expected, rtol=1e-5, atol=1e-6)


def test_variances_of_conditions_add_up() -> None:
    std = np.sqrt(STD["reference"] ** 2 + STD["group"] ** 2)[:, None]
    view = pooled(data())
    np.testing.assert_allclose(
        layer_values(view, "std_group", ALL, ALL), np.tile(STD["group"][:, None], GENES), rtol=1e-6
    )
    np.testing.assert_allclose(layer_values(view, "fold_change_std", ALL, ALL), np.tile(std, GENES), rtol=1e-6)
    np.testing.assert_allclose(layer_values(view, "fold_change_zscore", ALL, ALL), CHANGE / std, rtol=1e-4)
    np.testing.assert_allclose(layer_values(view, "lfsr", ALL, ALL), norm.sf(np.abs(CHANGE / std)), rtol=1e-4)


def test_variance_between_samples_is_added() -> None:
    between = {role: np.square(np.einsum("cr,grk->cgk", PHI, factor)).sum(axis=2) for role, factor in FACTORS.items()}
    view = replicated(data())
    expected = {role: STD[role][:, None] ** 2 + between[role] for role in FACTORS}
    np.testing.assert_allclose(layer_values(view, "std_reference", ALL, ALL), np.sqrt(expected["reference"]), rtol=1e-5)
    both = np.sqrt(expected["reference"] + expected["group"])
    np.testing.assert_allclose(layer_values(view, "fold_change_std", ALL, ALL), both, rtol=1e-5)


def test_genes_that_were_not_analysed_have_no_standard_deviation() -> None:
    adata = data()
    weights = GROUP.copy()
    weights[1] = np.nan
    view = add_run(adata, obsm={"basis": PHI}, varm={"group_weights": weights}, obs={"group_std": STD["group"]})
    found = layer_values(view, "std_group", ALL, ALL)
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:, [0, 2, 3]]).all()


def test_variances_of_a_mixture_and_at_a_row_of_the_design() -> None:
    forms, loads = RNG.random((N, 2)).astype("f4"), RNG.random((GENES, 2)).astype("f4")
    coefficients = RNG.normal(size=(GENES, RANK, 2)).astype("f4")
    # two coefficients: covariances in the order of the upper triangle
    root = RNG.normal(size=(N, 2, 2, 2))
    matrices = root @ root.swapaxes(-1, -2)
    packed = np.stack([matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 1]], axis=-1).reshape(N, -1)
    view = add_run(
        data(), contrast={"groupby": "~ age", "group": "age", "effect": "age"},
        obsm={"basis": PHI, "variances": forms, "coefficient_covariances": packed.astype("f4")},
        varm={
            "effect_weights": GROUP, "variance_weights": loads, "coefficient_weights": coefficients,
            "coefficient_covariance_weights": loads,
        },
    )  # fmt: skip
    np.testing.assert_allclose(layer_values(view, "fold_change", ALL, ALL), PHI @ GROUP.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer_values(view, "fold_change_std", ALL, ALL), np.sqrt(forms @ loads.T), rtol=1e-5)
    row = np.array([1.0, 0.5])
    mean = np.einsum("cr,grj,j->cg", PHI, coefficients, row)
    np.testing.assert_allclose(layer_at(view, "imputed", row, ALL, ALL), mean, rtol=1e-4, atol=1e-5)
    variance = np.einsum("ckij,i,j,gk->cg", matrices, row, row, loads)
    np.testing.assert_allclose(layer_at(view, "std", row, ALL, ALL), np.sqrt(variance), rtol=1e-4)
    with pytest.raises(LookupError, match="no two conditions"):
        build_layer(view, "imputed_group")


def test_the_z_of_the_test_is_averaged_over_the_tested_neighborhoods() -> None:
    weights, z = RNG.dirichlet(np.ones(3), N).astype("f4"), RNG.normal(size=(GENES, 3)).astype("f4")
    z[2, 0] = np.nan
    view = add_run(data(), obsm={"neighborhoods": weights}, varm={"neighborhood_zscore": z})
    found = layer_values(view, "lfc_zscore", ALL, ALL)
    expected = weights @ np.nan_to_num(z).T
    expected[:, 2] /= weights[:, 1:].sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_cells_and_genes_are_chosen() -> None:
    rows, columns = np.array([4, 0]), np.array([3, 1, 1])
    found = layer_values(pooled(data()), "fold_change", rows, columns)
    np.testing.assert_allclose(found, CHANGE[rows][:, columns], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        smoothed(pooled(data()), columns, "fold_change"), CHANGE[:, columns], rtol=1e-5, atol=1e-6
    )


def test_parts_of_several_calls_are_not_mixed() -> None:
    adata = data()
    view = pooled(adata)
    add_run(adata, varm={"group_weights": GROUP + 1})
    with pytest.raises(
        ValueError, match=r"'k_reference_weights' or .* overwritten by run 1|'k_group_weights' or .* run 1"
    ):
        build_layer(view, "fold_change")


def test_layers_that_were_written_are_built_again_but_for_lost_factors() -> None:
    adata = data()
    layers = {"fold_change": CHANGE.astype("f4"), "reference_std": np.ones((N, GENES), "f4")}
    weights = {"reference_weights": REFERENCE, "group_weights": GROUP}
    view = add_run(
        adata, params={"sample_key": "donor"}, obsm={"basis": PHI}, layers=layers,
        varm=weights | {"reference_sample_weights": FACTORS["reference"]},
    )  # fmt: skip
    del adata.varm["k_reference_sample_weights"]
    built, left_out = rebuild_layers(view)
    assert list(built) == ["k_fold_change"]
    assert left_out == ["k_reference_std"]
    np.testing.assert_allclose(built["k_fold_change"].compute(), CHANGE, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("analysis", "statistic", "name"),
    [
        ("de", "group_imputed", "imputed_group"),
        ("de", "reference_std", "std_reference"),
        ("de", "fold_change", "fold_change"),
        ("smooth", "group_imputed", "imputed"),
    ],
)
def test_names_of_layers(analysis: str, statistic: str, name: str) -> None:
    assert layer_name(Run(0, analysis, "k", {}, {}, {}, {}, []), statistic) == name
