"""The share of blocks in the fields of samples: known ones are found, and dense covariances agree."""

import numpy as np
import pytest
from dense_model import sample_sums

from kompot_scverse._gp.block_share import block_share
from kompot_scverse._gp.evidence import Grid, log_evidence, ratio_grid
from kompot_scverse._gp.sample_fields import SampleFields
from kompot_scverse._gp.varying_coefficients import VaryingCoefficients

BLOCK = np.repeat(np.arange(8), 3)
CELLS, GENES = 12, 60
DESIGN = np.column_stack([np.ones(24), np.tile([-0.5, 0.0, 0.5], 8)])


def study(share: float, seed: int = 0):
    """Features, expression and samples of cells whose samples are alike within blocks."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(24), CELLS)
    phi = rng.normal(size=(len(codes), 3)) / np.sqrt(3)
    features = np.column_stack([np.ones(len(codes)), phi])
    own, common = rng.normal(size=(24, GENES, 4)), rng.normal(size=(8, GENES, 4))[BLOCK]
    fields = np.sqrt(share) * common + np.sqrt(1 - share) * own
    y = np.einsum("cf,cgf->cg", features, fields[codes]) + rng.normal(size=(len(codes), GENES))
    return features, y, codes


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_known_share_is_found(share: float):
    features, y, codes = study(share)
    found = block_share(sample_sums(features, y, codes, 24), DESIGN, BLOCK, ratio_grid(samples=True))
    assert found == pytest.approx(share, abs=0.12)


def test_evidence_at_two_shares_is_that_of_dense_covariances():
    features, y, codes = study(0.5)
    point = np.array([[1.0, 0.1, 0.1]])
    x = DESIGN[codes]
    differences = []
    for dense in (True, False):
        logs = []
        for share in (0.2, 0.7):
            if not dense:
                model = VaryingCoefficients(sample_sums(features, y, codes, 24).gram, DESIGN, (0.0, 0.0), BLOCK, share)
                logs.append(log_evidence(model, sample_sums(features, y, codes, 24), Grid(point), relative=False)[:, 0])
                continue
            alike = (share * (BLOCK[:, None] == BLOCK) + (1 - share) * np.eye(24))[np.ix_(codes, codes)]
            k = features[:, 1:] @ features[:, 1:].T
            c = np.eye(len(k)) + 0.1 * k * (1 + x[:, 1:] @ x[:, 1:].T) + (1 + k) * alike
            inverse = np.linalg.inv(c)
            information = x.T @ inverse @ x
            residual = y - x @ np.linalg.solve(information, x.T @ inverse @ y)
            squares = np.einsum("ig,ij,jg->g", residual, inverse, residual)
            determinants = np.linalg.slogdet(c)[1] + np.linalg.slogdet(information)[1]
            logs.append(-0.5 * ((len(k) - 2) * np.log(squares) + determinants))
        differences.append(logs[1] - logs[0])
    np.testing.assert_allclose(differences[1], differences[0], rtol=1e-6, atol=1e-8)


def test_blocks_that_the_design_determines_say_nothing():
    features, y, codes = study(0.9)
    alone = np.arange(24)
    assert block_share(sample_sums(features, y, codes, 24), DESIGN, alone, ratio_grid(samples=True)) == 0.0


def test_fields_without_a_share_are_those_of_the_samples():
    features, y, codes = study(0.5)
    sums = sample_sums(features, y, codes, 24)
    fields = SampleFields(sums.gram, BLOCK, 0.0)
    assert [len(group) for group in fields.groups] == [1] * 24
    np.testing.assert_array_equal(fields.along(4, sums.cross), sums.cross[4])
