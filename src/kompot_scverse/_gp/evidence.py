"""Marginal likelihood of every gene over a grid of variance ratios, and the prior of the ratios learnt from all genes."""

from collections.abc import Callable
from dataclasses import dataclass

import dask
import numpy as np

from .parallel import compute_here
from .progress import progress_bar
from .right_hands import RightHands
from .sample_sums import SampleSums
from .varying_coefficients import VaryingCoefficients

GENES = 1024
"""Genes of one task."""
FLOOR = 1e-9
"""Residual sum of squares, relative to that about the mean, below which functions do not differ in what they explain."""
HOPELESS = 20.0
"""Log likelihood below the best at which a point counts for nothing, as small as the smallest prior of a point, e to the −20."""
MARGIN = 1.5
"""How much lower the next point has to be foreseen not to be tried, since what is foreseen may be that much off."""
UNLIKELY = 20.0
"""Log probability below the best at which a point is not tried where the prior is known; below -6.2 it is left out of the posterior
(:func:`.grid_posterior`). On the data named below, points that are then not tried have at most a probability of 2e-7, and the posterior is the same."""
STEEPER = 1.5
"""Factor on the rise of the determinant. On 1,500 genes each of Kang's data and of simulated ones the points that are then not tried
have at most a probability of 2e-10 together; of 1,200 genes each that only 5 to 80 neighbouring cells express, of 9e-9."""


@dataclass(frozen=True)
class Grid:
    """Ratios of the variances of the components to that of the noise, a row per point of the grid."""

    points: np.ndarray
    """Ratio of the sample fields, of the state and of the effects: points × 3."""
    noise: float | None = None
    """Variance of the noise where it is given; None: of each gene at its best."""

    def misfit(self, residual: np.ndarray, degrees: float) -> np.ndarray:
        """Minus twice the log likelihood of residual sums of squares, less what does not depend on the ratios."""
        return degrees * np.log(residual) if self.noise is None else residual / self.noise

    def pairs(self) -> list[tuple[float, list[tuple[float, np.ndarray]]]]:
        """The ratios of the samples, with those of the state under each, and the numbers of the points of both."""
        found = []
        for sample in np.unique(self.points[:, 0]):
            of_sample = self.points[:, 0] == sample
            states = [
                (float(state), np.flatnonzero(of_sample & (self.points[:, 1] == state)))
                for state in np.unique(self.points[of_sample, 1])
            ]
            found.append((float(sample), states))
        return found


def ratio_grid(*, samples: bool, effects: bool = True, noise: float | None = None) -> Grid:
    """
    The grid over which the variance ratios are averaged.

    The state goes from 1e-4 to 1e3, the effects from 1e-5 up to about three times the state, and 0, in half decades, or in
    decades beside samples, which go from 1e-4 to 10, and 0: the average over the grid fills what is in between.

    Parameters
    ----------
    samples
        Whether samples have fields of their own.
    effects
        Whether there are effects.
    noise
        Variance of the noise where it is given.
    """
    step = 1.0 if samples else 0.5
    state = 10.0 ** np.arange(-4, 3.1, step)
    effect = np.concatenate([[0.0], 10.0 ** np.arange(-5, 3.1, step)]) if effects else np.zeros(1)
    sample = np.concatenate([[0.0], 10.0 ** np.arange(-4, 1.1)]) if samples else np.zeros(1)
    rows = [(s, a, b) for s in sample for a in state for b in effect if b <= 3.2 * a]
    return Grid(np.array(rows), noise)


def independent_grid(n_conditions: int, sigma: float) -> Grid:
    r"""
    The one point at which conditions have independent functions of amplitude 1, with a given noise: the model of Kompot.

    With the contrasts of :func:`~.varying_coefficients.contrast_design`, the functions of n conditions have the prior covariance
    :math:`\rho_0 1 1^\top + \tfrac12 \rho_1 (I - \tfrac1n 1 1^\top)` times :math:`\sigma^2 k`. It is the identity times k for
    :math:`\rho_0 = 1 / (n \sigma^2)` and :math:`\rho_1 = 2 / \sigma^2`.

    Parameters
    ----------
    n_conditions
        n.
    sigma
        Standard deviation of the noise.
    """
    return Grid(np.array([[0.0, 1 / n_conditions, 2.0]]) / sigma**2, sigma**2)


def log_evidence(
    model: VaryingCoefficients, sums: SampleSums, grid: Grid, hopeless: float = HOPELESS, *, relative: bool = True
) -> np.ndarray:
    """
    Log marginal likelihood of each gene at each point, see :func:`evidence_of`: genes × points.

    Parameters
    ----------
    model, sums, grid
        The model, the sums of the genes, and the points.
    hopeless
        How far below the best a log likelihood counts for nothing.
    relative
        To the best point of each gene; False to compare models.
    """
    found = np.empty((sums.cross.shape[1], len(grid.points)))

    def fill(genes: slice) -> None:
        found[genes] = evidence_of(RightHands(model, sums.genes(genes)), grid, hopeless, relative=relative)

    run_in_blocks(fill, len(found), "likelihoods")
    return found


def evidence_of(
    hands: RightHands,
    grid: Grid,
    hopeless: float = HOPELESS,
    *,
    genes: np.ndarray | None = None,
    prior: np.ndarray | None = None,
    relative: bool = True,
) -> np.ndarray:
    r"""
    Log marginal likelihood of the genes of a block at each point, with the noise at its best where it is not given: genes × points.

    :math:`-\tfrac{\nu}{2} \log(Q / \nu) - \tfrac12 \log|\cdot|` with the residual sum of squares Q and ν degrees of freedom
    (restricted likelihood: flat coefficients are integrated out; Patterson & Thompson 1971), relative to the best point. With a given
    noise the first term is :math:`-Q / (2 \sigma^2)`. Genes without variation within the precision of the sums have 0 everywhere, unless the noise is given.

    Larger ratios of the state than the best are not tried for a gene (their likelihood counts as 0) once its likelihood falls with the
    ratio and would be hopeless, by a margin, if it fell as much again, or more where the determinant grows faster (:func:`_falls_further`). The
    ratios of the samples are tried from the middle of the grid up and down, likewise. Where the prior is known, what is not tried would have
    hardly any probability even with the largest prior of all larger ratios.

    Parameters
    ----------
    hands
        Right-hand sides of the genes.
    grid
        The points.
    hopeless
        How far below the best a log likelihood counts for nothing.
    genes
        Those asked for; None for all of the block.
    prior
        Probability of the points, where only the posterior is wanted; None where it is to be learnt.
    relative
        To the best point of each gene; False to compare models.
    """
    model, flat = hands.model, hands.flat & (grid.noise is None)
    if relative and len(grid.points) == 1:
        return np.zeros((len(flat) if genes is None else len(genes), 1))
    # a function that explains all but rounding is not worth more than one that leaves a billionth
    lowest = FLOOR * np.where(flat, 1.0, hands.total)
    out = np.full((len(flat), len(grid.points)), -np.inf)
    best, best_state, most = np.full(len(out), -np.inf), np.zeros(len(out)), np.full(len(out), -np.inf)
    weight = np.zeros(len(grid.points)) if prior is None else np.log(prior)
    limit = MARGIN * hopeless if prior is None else UNLIKELY

    def goes_on(top: np.ndarray, last: np.ndarray, rows: np.ndarray, ahead: float, further: float = 1.0) -> np.ndarray:
        fall = last - top
        return (fall < 0) | (top - further * fall + ahead > most[rows] - limit)

    rows = np.flatnonzero(~flat) if genes is None else genes[~flat[genes]]
    pairs = grid.pairs()
    weights = [np.array([weight[points].max() for _, points in states]) for _, states in pairs]
    steps = [_falls_further(model.spread, [state for state, _ in states]) for _, states in pairs]
    middle = len(pairs) // 2
    at_middle = np.full(len(out), -np.inf)
    numbers = np.arange(len(pairs))
    for direction in (numbers[middle:], numbers[:middle][::-1]):
        last_of_sample, going = at_middle.copy(), rows
        for place, number in enumerate(direction, start=1):
            sample, states = pairs[number]
            if len(going) == 0:
                break
            right, squares = hands.at(sample, going)
            of_samples = model.sample_log_det(sample)
            last, of_this, own = np.full(len(out), -np.inf), np.full(len(out), -np.inf), going
            for (state, points), step, ahead in zip(states, steps[number], _ahead(weights[number]), strict=True):
                effect = grid.points[points, 2]
                factor = model.factor(sample, state, float(effect.max()))
                taken = factor.reductions(*factor.transformed(right, own), effect)
                residual = np.maximum(squares[own, None] - taken, lowest[own, None])
                log = -0.5 * (grid.misfit(residual, model.degrees) + factor.log_dets(effect) + of_samples)
                out[np.ix_(own, points)] = log
                top = log.max(axis=1)
                of_this[own] = np.maximum(of_this[own], top)
                best_state[own] = np.where(top > best[own], state, best_state[own])
                best[own] = np.maximum(best[own], top)
                most[own] = np.maximum(most[own], (log + weight[points]).max(axis=1))
                # with other samples' ratios it may fall a little before it rises
                further = goes_on(top, last[own], own, ahead, step) | (state < best_state[own])
                last[own] = top
                own = own[further]
                if len(own) == 0:
                    break
            if number == middle:
                at_middle = of_this
            ahead = max((float(weights[other].max()) for other in direction[place:]), default=0.0)
            further = goes_on(of_this[going], last_of_sample[going], going, ahead)
            last_of_sample[going] = of_this[going]
            going = going[further]
    out[flat], best[flat] = 0.0, 0.0
    if genes is not None:
        out, best = out[genes], best[genes]
    return out - best[:, None] if relative else out


def _ahead(weights: np.ndarray) -> np.ndarray:
    """The largest of all later ones."""
    return np.append(np.maximum.accumulate(weights[:0:-1])[::-1], 0.0)


def _falls_further(spread: np.ndarray, states: list[float]) -> np.ndarray:
    """
    How many times the last fall of the likelihood the next is taken for, at each ratio of the state.

    What the likelihood loses by a larger ratio is half the rise of the log determinant, less what the function then explains. This
    part does not grow, as a smooth function has most of its variance on the first axes, and of axes with noise alone it is the same.
    """
    rises = np.diff(np.log1p(np.outer(states, spread)).sum(axis=1))
    found = np.ones(len(states))
    found[1:-1] = np.maximum(STEEPER * rises[1:] / rises[:-1], 1.0)
    return found


def run_in_blocks(function: Callable[[slice], None], n_genes: int, what: str) -> None:
    """Call a function that fills arrays for slices of the genes, on threads; `what` is the name of the progress bar."""
    with progress_bar(n_genes, what, "genes") as advance:

        def fill(genes: slice) -> None:
            function(genes)
            advance(genes.stop - genes.start)

        task = dask.delayed(fill, pure=False)
        compute_here(*[task(slice(start, min(start + GENES, n_genes))) for start in range(0, n_genes, GENES)])
