"""Against fits of the groups one by one."""

import numpy as np

from kompot_scverse._stats.grouped_fit import fit_groups
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear

RNG = np.random.default_rng(0)
Y = RNG.normal(size=(8, 60))
COVARIANCES = np.stack([np.diag(RNG.uniform(0.5, 2, 8)) + size for size in (0.0, 0.3, 1.0)])
LATE = np.repeat([0.0, 1.0], 4)
ONE = SampleDesign(np.column_stack([np.ones(8), LATE]), np.array([0.0, 1.0]))
LEVELS = SampleDesign(np.column_stack([np.ones(8), *np.eye(4)[1:, np.arange(8) % 4]]), np.eye(4)[:, 1:])


def test_each_gene_has_the_fit_of_its_group() -> None:
    # none has the second covariance
    groups = np.where(np.arange(60) % 3 == 0, 2, 0)
    chosen = np.array([5, 3, 50])
    for design in (ONE, LEVELS):
        found = fit_groups(Y, COVARIANCES, groups, design)
        for gene in (0, 1, 2, 59):
            alone = fit_linear(Y[:, [gene]], COVARIANCES[groups[gene]], design)
            np.testing.assert_allclose(found.effect[..., gene], alone.effect[..., 0])
            np.testing.assert_allclose(found.variance[gene], alone.variance[0])
            np.testing.assert_allclose(
                np.asarray(found.scale)[..., gene], np.asarray(alone.scale).ravel()[: alone.effect.size].squeeze()
            )
            np.testing.assert_allclose(np.asarray(found.log_determinant)[gene], alone.log_determinant)
            if alone.squared is not None and found.squared is not None:
                np.testing.assert_allclose(found.squared[gene], alone.squared[0])
        few = found.subset(chosen)
        for values, some in (
            (found.effect, few.effect),
            (found.scale, few.scale),
            (found.log_determinant, few.log_determinant),
        ):
            np.testing.assert_array_equal(np.asarray(values)[..., chosen], some)


def test_one_group_is_the_plain_fit() -> None:
    for groups, number in ((np.zeros(60, dtype=np.intp), 0), (np.full(60, 2), 2)):
        found, plain = fit_groups(Y, COVARIANCES, groups, ONE), fit_linear(Y, COVARIANCES[number], ONE)
        np.testing.assert_array_equal(found.effect, plain.effect)
        assert found.scale == plain.scale
        np.testing.assert_array_equal(found.subset(np.array([4])).variance, plain.variance[[4]])
