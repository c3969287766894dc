"""A branching tree of cell states: where cells lie on it, how dense they are, and smooth coordinates.

Four branches meet at the progenitor state. A position is a branch and the distance `s` from the branch point, 0 there
and 1 at the tip. HSC is the tip at which differentiation starts. A second, two-dimensional coordinate gives the tree
its width; its law is the same everywhere and in every condition, so that density ratios on the tree are those between
cell states.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import eigh

BRANCHES = ("HSC", "Erythroid", "Monocyte", "B cell")
CELLTYPES = ("HSC", "MPP", "MEP", "Erythroid", "GMP", "Monocyte", "CLP", "B cell")

BRANCH_POINT = 0.35  # pseudotime at which the three lineages part
WIDTH = 0.015  # of the tree across, where a branch is about 1 long; the state space is then locally 2- to 3-dimensional
_NEAR = ("MPP", "MEP", "GMP", "CLP")  # cell type of the half of each branch next to the branch point
_LENGTHS = np.array([1.0, 1.15, 1.05, 0.9])  # all different: equal branches would leave the eigenfunctions undetermined
_SHARES = np.array([0.3, 0.25, 0.27, 0.18])  # of the cells in the reference condition
_NODES = 100  # grid intervals per branch for the eigenfunctions
_BINS = 2000  # per branch, for the density

# embedding: position = s * start + s² * bend for each branch, in the units of a typical UMAP
_START = np.array([[-4.0, -1.5], [3.5, 6.0], [7.0, -0.5], [3.0, -6.5]])
_BEND = np.array([[-2.0, 4.0], [4.5, -2.5], [-0.5, -3.5], [-6.0, 0.5]])


@dataclass(frozen=True)
class Positions:
    """Positions of cells on the tree: branch number, distance from the branch point, and place across the branch."""

    branch: np.ndarray
    s: np.ndarray
    across: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Positions":
        return Positions(self.branch[rows], self.s[rows], self.across[rows])

    @property
    def pseudotime(self) -> np.ndarray:
        """Distance from the HSC tip, 0 to 1."""
        return np.where(self.branch == 0, BRANCH_POINT * (1 - self.s), BRANCH_POINT + (1 - BRANCH_POINT) * self.s)

    @property
    def celltype_code(self) -> np.ndarray:
        """Number of the cell type in `CELLTYPES`: each branch has a near and a far half."""
        near = np.array([CELLTYPES.index(name) for name in _NEAR])
        far = np.array([CELLTYPES.index(name) for name in BRANCHES])
        return np.where(self.s < 0.5, near[self.branch], far[self.branch])


def concatenate(parts: list[Positions]) -> Positions:
    """Return the positions of all parts, one after the other."""
    return Positions(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Positions)))


def ramps(branch: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return, per branch, a function that rises from 0 at the branch point to 1 at the tip; flat at both ends."""
    return np.eye(len(BRANCHES))[branch] * (s**2 * (3 - 2 * s))[:, None]


def bumps(branch: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return, per branch, a function that is 1 in the middle and falls smoothly to 0 at both ends."""
    return np.eye(len(BRANCHES))[branch] * (np.sin(np.pi * s) ** 2)[:, None]


def _grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middles of fine bins over the tree (branch, s) and the reference condition's probability of each."""
    s = np.tile((np.arange(_BINS) + 0.5) / _BINS, len(BRANCHES))
    branch = np.repeat(np.arange(len(BRANCHES)), _BINS)
    # gentle clumps along each branch, more cells at the tips: as states in which cells stay longer
    weight = 0.7 + 0.6 * s + 0.4 * np.cos(3 * np.pi * s)
    weight = weight.reshape(len(BRANCHES), _BINS)
    return branch, s, (_SHARES[:, None] * weight / weight.sum(axis=1, keepdims=True)).ravel()


def log_density_change(branch: np.ndarray, s: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return log p_group − log p_reference at the positions; both densities have unit mass.

    `change` is the change of the log density at the tip of each branch relative to the branch point.
    """
    grid_branch, grid_s, reference = _grid()
    mass = reference @ np.exp(ramps(grid_branch, grid_s) @ change)
    return ramps(branch, s) @ change - np.log(mass)


def sample_positions(
    n: int, change: np.ndarray, fraction: float, composition_sd: float, rng: np.random.Generator
) -> Positions:
    """Draw `n` cells of one sample.

    The condition's log density lies the `fraction` of the way from the reference to the group. The sample's own
    differs from it by normal deviates at the tips; their expected factor, exp(sd² / 2), is divided out, so that the
    samples of a condition vary around the condition's density.
    """
    branch, s, reference = _grid()
    ramp = ramps(branch, s)
    deviation = rng.normal(scale=composition_sd, size=len(BRANCHES))
    log_weight = ramp @ (fraction * change + deviation) - 0.5 * composition_sd**2 * (ramp**2).sum(axis=1)
    cumulative = np.cumsum(reference * np.exp(log_weight))
    bins = np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right").clip(max=branch.size - 1)
    within = (rng.random(n) - 0.5) / _BINS
    return Positions(branch[bins], s[bins] + within, rng.normal(size=(n, 2)))


def eigenfunctions(branch: np.ndarray, s: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `n` smoothest eigenfunctions of the Laplacian on the tree at the positions, and their eigenvalues.

    These are what the components of a diffusion map converge to. The constant is left out; each function has mean
    square 1 over the tree. Linear finite elements on a grid, then splines.
    """
    n_nodes = 1 + len(BRANCHES) * _NODES  # node 0 is the branch point
    stiffness, mass = np.zeros((2, n_nodes, n_nodes))
    nodes = [np.concatenate([[0], 1 + b * _NODES + np.arange(_NODES)]) for b in range(len(BRANCHES))]
    for on_branch, length in zip(nodes, _LENGTHS, strict=True):
        h = length / _NODES
        for i, j in zip(on_branch[:-1], on_branch[1:], strict=True):
            stiffness[np.ix_([i, j], [i, j])] += np.array([[1, -1], [-1, 1]]) / h
            mass[np.ix_([i, j], [i, j])] += np.array([[2, 1], [1, 2]]) * h / 6
    values, vectors = eigh(stiffness, mass, subset_by_index=[1, n])
    vectors *= np.sqrt(_LENGTHS.sum())
    # a fixed sign: HSC positive, or the largest value where a function vanishes there
    anchor = np.where(
        np.abs(vectors[_NODES]) > 1e-6, vectors[_NODES], vectors[np.abs(vectors).argmax(axis=0), range(n)]
    )
    vectors *= np.sign(anchor)
    functions = np.empty((s.size, n))
    for b, on_branch in enumerate(nodes):
        here = branch == b
        functions[here] = CubicSpline(np.linspace(0, 1, _NODES + 1), vectors[on_branch])(s[here])
    return functions, values


def diffusion_coordinates(positions: Positions, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return `n` smooth coordinates of the cell states, as a multiscale diffusion map would.

    Eigenfunctions divided by their eigenvalues, so that Euclidean distance follows the distance along the tree; then
    the place across the branch in two random directions, and a trace of noise.
    """
    functions, values = eigenfunctions(positions.branch, positions.s, n)
    coordinates = functions / values
    directions = np.linalg.qr(rng.normal(size=(n, 2)))[0]
    coordinates += WIDTH * positions.across @ directions.T
    coordinates += rng.normal(scale=WIDTH / 50, size=coordinates.shape)
    return coordinates


def embedding(positions: Positions, rng: np.random.Generator) -> np.ndarray:
    """Return a two-dimensional picture of the tree: four curved branches of some width."""
    branch, s = positions.branch, positions.s[:, None]
    middle = s * _START[branch] + s**2 * _BEND[branch]
    tangent = _START[branch] + 2 * s * _BEND[branch]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    width = 0.25 + 0.3 * s
    spread = width * (positions.across[:, :1] * normal + 0.5 * positions.across[:, 1:] * tangent)
    return middle + spread + rng.normal(scale=0.12, size=middle.shape)
