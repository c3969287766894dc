"""Samples' fields integrated out, against the joint Gaussian of all fields."""

import numpy as np
import pytest
from scipy.linalg import block_diag

from kompot_scverse._gp.multinomial import Fields, State
from kompot_scverse._gp.sample_expansion import SHARED, Information, integrate, typical

SAMPLES, RANK, EFFECTS = 4, 3, 2
RNG = np.random.default_rng(0)
DESIGN = RNG.normal(size=(SAMPLES, EFFECTS))
VARIANCES = np.array([1.5, 0.4, 0.1])
ROOTS = RNG.normal(size=(SAMPLES, RANK, 6))
MATRICES = [root @ root.T for root in ROOTS]
LINEAR = RNG.normal(size=(SAMPLES, RANK))


class Joint:
    """The quadratic log likelihood of own fields, shared field and effects, with their priors."""

    def __init__(self, scale: float) -> None:
        identity = np.eye(RANK)
        # a row of blocks per sample: what its field is made of
        maps = [
            np.hstack([np.kron(np.eye(SAMPLES)[s], identity), identity, np.kron(DESIGN[s], identity)])
            for s in range(SAMPLES)
        ]
        prior = block_diag(np.kron(np.eye(SAMPLES), np.diag(1 / (scale * VARIANCES))), SHARED * np.eye(3 * RANK))
        self.precision = prior + sum(m.T @ e @ m for m, e in zip(maps, MATRICES, strict=True))
        self.linear = sum(m.T @ t for m, t in zip(maps, LINEAR, strict=True))
        self.own = SAMPLES * RANK
        self.log_det_own = SAMPLES * np.log(scale * VARIANCES).sum()

    def log_evidence(self) -> float:
        explained = self.linear @ np.linalg.solve(self.precision, self.linear)
        return 0.5 * float(explained - np.linalg.slogdet(self.precision)[1] - self.log_det_own)


@pytest.fixture(params=[0.2, 3.0])
def both(request: pytest.FixtureRequest):
    curvature = integrate(Information.of(MATRICES, VARIANCES), request.param, DESIGN)
    # the expansion is of a quadratic, and so the same around any fields
    own = RNG.normal(size=(SAMPLES, RANK))
    score = LINEAR - np.stack([own[s] @ MATRICES[s] for s in range(SAMPLES)])
    state = State(Fields(np.zeros((EFFECTS, RANK)), own), own, 0.0, score, np.zeros(SAMPLES), np.zeros((0, SAMPLES)))
    return curvature, curvature.at(state), Joint(request.param)


def test_information_about_shared_field_and_effects_is_that_of_the_margin(both):
    curvature, _, joint = both
    covariance = np.linalg.inv(joint.precision)[joint.own :, joint.own :]
    factor = np.block(
        [
            [curvature.factor, np.zeros((RANK, EFFECTS * RANK))],
            [curvature.half.T, np.linalg.cholesky(curvature.effects)],
        ]
    )
    np.testing.assert_allclose(np.linalg.inv(factor @ factor.T), covariance, rtol=1e-6, atol=1e-8)
    of_effects = np.linalg.inv(covariance[RANK:, RANK:])
    np.testing.assert_allclose(curvature.effects, of_effects, rtol=1e-6, atol=1e-8)


def test_the_evidence_of_the_samples_variance_is_the_integral(both):
    _, expansion, joint = both
    assert expansion.log_evidence() == pytest.approx(joint.log_evidence(), rel=1e-8)


def test_effects_that_are_likeliest_and_the_fields_beside_them(both):
    curvature, expansion, joint = both
    mode = np.linalg.solve(joint.precision, joint.linear)
    effects = np.linalg.solve(curvature.effects, expansion.linear)
    np.testing.assert_allclose(effects, mode[joint.own + RANK :], rtol=1e-5, atol=1e-8)
    fields = expansion.mode(effects)
    np.testing.assert_allclose(fields.own.ravel(), mode[: joint.own], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(fields.delta.ravel(), effects)


def test_linear_terms_of_samples_are_white_and_free_of_the_design():
    counts = np.array([50.0, 80.0, 20.0, 40.0, 60.0])
    design, matrix = RNG.normal(size=(5, 1)), MATRICES[0]
    # of the unit vectors, the linear terms are the map itself
    found, white = typical(matrix, np.eye(5), counts, design)
    share = counts / counts.sum()
    between = np.diag(share) - np.outer(share, share)
    w = np.column_stack([np.ones(5), design])
    left = between - between @ w @ np.linalg.pinv(w.T @ between @ w) @ w.T @ between
    mean = np.trace(left) / 3
    np.testing.assert_allclose(found, matrix * mean, rtol=1e-9)
    np.testing.assert_allclose(white.T @ left @ white, mean * np.eye(3), atol=1e-12)
    np.testing.assert_allclose(w.T @ white, 0, atol=1e-12)


def test_a_design_that_explains_all_samples_leaves_nothing():
    matrix, linear = typical(MATRICES[0], np.ones((3, 2)), np.full(3, 10.0), np.eye(3)[:, 1:])
    assert linear.shape == (2, 0)
    np.testing.assert_array_equal(matrix, 0)
