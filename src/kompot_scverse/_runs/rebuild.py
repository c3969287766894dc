"""Cells × genes results of a run, lazy, from what is kept of it: the basis and the weights."""

from typing import Any, cast

import dask.array as da
import numpy as np

from kompot_scverse._data.features import on_all_cells
from kompot_scverse._data.matrix import in_memory
from kompot_scverse._gp.features import CellFeatures, Features
from kompot_scverse._gp.parallel import compute_here
from kompot_scverse._stats.lazy_layers import (
    Layer,
    lazy_average,
    lazy_lfsr,
    lazy_mixture_std,
    lazy_product,
    lazy_ratio,
    lazy_std,
)

from .row_prints import check_rows
from .run import Run
from .sample_factor import sample_factor
from .view import RunView

BASIS = ("use_rep", "ls", "kernel", "n_landmarks", "rtol", "rank", "residual")
"""Parameters that two runs share if their bases are the same."""

Chosen = np.ndarray | slice
EVERYTHING = slice(None)


def layer_name(run: Run, statistic: str) -> str:
    """What :func:`build_layer` calls a layer that a run lists as `statistic`."""
    role, _, what = statistic.partition("_")
    if role not in ("reference", "group"):
        return statistic
    return what if run.analysis == "smooth" else f"{what}_{role}"


def build_layer(view: RunView, name: str, rows: Chosen = EVERYTHING, columns: Chosen = EVERYTHING) -> da.Array:
    """
    A cells × genes result, float32, computed when read.

    Parameters
    ----------
    view
        The run; says afterwards which of its fields a later run has overwritten.
    name
        imputed, std (of smoothing, or of one condition as imputed_reference, …), fold_change, fold_change_std,
        fold_change_zscore, lfsr or lfc_zscore.
    rows, columns
        Numbers of the cells and of the genes.

    Raises
    ------
    LookupError
        If the run did not write what is needed, or it is gone.
    ValueError
        If later runs have overwritten some of it, so that the rest does not fit, or it is of other data joined to these.
    """
    check_rows(view, rows, columns)
    return _layer(view, name, _Parts(view, rows, columns)).lazy()


def _layer(view: RunView, name: str, parts: "_Parts") -> Layer:
    what, _, role = name.partition("_")
    if what in ("imputed", "std"):
        view.check_conditions()
        return parts.mean(role or "group") if what == "imputed" else parts.std(role or "group")
    if name == "lfc_zscore":
        return parts.test_zscore()
    if view.effect is not None and not view.has("effect_weights"):
        raise LookupError(f"{view.name} tests several contrasts together and has no one {name}; it has lfc_zscore.")
    roles = ("group", "reference") if view.effect is None else ("effect",)
    if name == "fold_change":
        return parts.mean(*roles)
    std = parts.std("reference", "group")
    if name == "fold_change_std":
        return std
    change = parts.mean(*roles)
    return lazy_lfsr(change, std) if name == "lfsr" else lazy_ratio(change, std)


def layer_values(view: RunView, name: str, rows: Chosen, columns: Chosen) -> np.ndarray:
    """A layer as :func:`build_layer` describes it, computed; warns of what a later run has overwritten."""
    (values,) = compute_here(build_layer(view, name, rows, columns))
    view.warn()
    return values


def layer_at(view: RunView, what: str, row: np.ndarray, rows: Chosen, columns: Chosen) -> np.ndarray:
    """
    Smoothed expression of a design at one row of its matrix, or its standard deviation, computed: cells × genes.

    Parameters
    ----------
    view
        A run of a design.
    what
        imputed or std.
    row
        What the coefficients are multiplied by.
    rows, columns
        As in :func:`build_layer`.
    """
    check_rows(view, rows, columns)
    parts = _Parts(view, rows, columns)
    (values,) = compute_here((parts.mean_at(row) if what == "imputed" else parts.std_at(row)).lazy())
    view.warn()
    return values


def smoothed(view: RunView, numbers: np.ndarray, name: str) -> np.ndarray:
    """
    Layers of a few genes, cells × genes, also of genes of several modalities; warns of what of those was overwritten.

    Parameters
    ----------
    view
        The run.
    numbers
        Positions of the genes.
    name
        As in :func:`build_layer`.
    """
    out = np.full((view.data.n_obs, len(numbers)), np.nan, dtype=np.float32)
    for part, places, own in view.of_features(numbers):
        (values,) = compute_here(build_layer(part, name, columns=own))
        out[:, places] = on_all_cells(view.data, values, part.mod)
        if part is not view:  # which says so itself, once
            part.warn()
    return out


def rebuild_layers(view: RunView) -> tuple[dict[str, da.Array], list[str]]:
    """
    The layers that a run wrote, lazy, from its basis and weights.

    Returns
    -------
    Layers by key, and the keys of those that cannot be built because the replicates' weights are not kept, nor the expression that they come from.

    Raises
    ------
    LookupError
        If the basis or the weights are gone or belong to a later run.
    """
    run, built, left_out = view.run, {}, []
    for entry in run.fields:
        if entry["slot"] != "layers":
            continue
        name = layer_name(run, entry["statistic"])
        factor = f"{name.removeprefix('std_')}_sample_weights"
        try:
            built[entry["key"]] = build_layer(view, name)
        except ValueError as error:
            raise LookupError(str(error)) from error
        except LookupError:
            if not name.startswith("std_") or view.is_there(factor):
                raise
            left_out.append(entry["key"])
    for place, writer in view.overwritten.items():
        raise LookupError(
            f"{place} was overwritten by run {writer.run_id}, so the layers of run {run.run_id} cannot be built. "
            f"Those of the later run can: `run_id={writer.run_id}`."
        )
    return built, left_out


class _Parts:
    """What results are computed from, cut to the cells and genes."""

    def __init__(self, view: RunView, rows: Chosen, columns: Chosen) -> None:
        self.view, self.rows, self.columns = view, rows, columns
        self._source: Run | None = None

    def mean(self, *roles: str) -> Layer:
        """Smoothed expression; of two roles, the first minus the second."""
        weights = [self._part(f"{role}_weights", self.columns) for role in roles]
        return lazy_product(self._basis(), weights[0] if len(weights) == 1 else weights[0] - weights[1])

    def _check_design(self) -> None:
        """Raise if the coefficients there are those of another design."""
        run, source = self.view.run, self.view.source("coefficient_weights")
        if any(source.params.get(name) != run.params.get(name) for name in ("formula", "coefficients", "variables")):
            self._raise_mixed("coefficient_weights", source)

    def mean_at(self, row: np.ndarray) -> Layer:
        """Smoothed expression at a row of the design."""
        self._check_design()
        weights = self._part("coefficient_weights", self.columns) @ row.astype(np.float32)
        return lazy_product(self._basis(), weights)

    def std_at(self, row: np.ndarray) -> Layer:
        """Standard deviation of the smoothed expression at a row of the design."""
        self._check_design()
        loads = self._part("coefficient_covariance_weights", self.columns)
        forms = self._part("coefficient_covariances", self.rows)
        first, second = np.triu_indices(len(row))
        pairs = row[first] * row[second] * np.where(first == second, 1, 2)
        combined = forms.reshape(len(forms), loads.shape[1], len(pairs)).astype(np.float64) @ pairs
        return lazy_mixture_std(np.maximum(combined, 0).astype(np.float32), loads)

    def std(self, *roles: str) -> Layer:
        """Standard deviation of the smoothed expression; of two roles, of their difference."""
        of_function = f"{roles[0]}_" if len(roles) == 1 else ""
        if self.view.has(f"{of_function}variances"):
            loads = self._part(f"{of_function}variance_weights", self.columns)
            return lazy_mixture_std(self._part(f"{of_function}variances", self.rows), loads)
        run = self.view.run
        weights = self._part(f"{roles[0]}_weights", self.columns)
        variance, factors = np.zeros(1, dtype=np.float32), []
        for role in roles:
            variance = variance + self._part(f"{role}_std", self.rows) ** 2
            if run.params.get("sample_key") is not None:
                factors.append(self._factor(role))
        if factors:
            return lazy_std(self._basis(), _joined(factors), variance)
        # the same for all genes, but missing for those that were not analysed
        analysed = np.where(np.isfinite(weights).all(axis=1), np.float32(1), np.float32(np.nan))
        return lazy_product(np.sqrt(variance)[:, None], analysed[:, None])

    def _factor(self, role: str) -> np.ndarray | da.Array:
        """Variance between samples, as the run has it or from the expression."""
        if self.view.is_there(f"{role}_sample_weights"):
            return self._part(f"{role}_sample_weights", self.columns, lazy=True)
        return sample_factor(self.view, role, np.arange(self.view.data.n_vars)[self.columns])

    def test_zscore(self) -> Layer:
        """Moderated z of the replicate test, averaged over the neighbourhoods of each cell."""
        zscore = self._part("neighborhood_zscore", self.columns)
        return lazy_average(self._part("neighborhoods", self.rows), zscore)

    def _basis(self) -> Features:
        """The features; the parts that they are multiplied with come first."""
        phi, source = self.view.read("basis"), self.view.source("basis")
        if (
            self._source is not None
            and not source.same_call(self._source)
            and any(source.params.get(name) != self._source.params.get(name) for name in BASIS)
        ):
            self._raise_mixed("basis", source)
        if isinstance(phi, CellFeatures):
            return phi.piece(self.rows)
        return np.asarray(phi, dtype=np.float32)[self.rows]

    def _part(self, statistic: str, chosen: Chosen, *, lazy: bool = False) -> Any:
        """A field, which must come from the same call as those read before; `lazy` leaves on disk what is there."""
        values, source = self.view.read(statistic), self.view.source(statistic)
        if self._source is None:
            self._source = source
        elif not source.same_call(self._source):
            self._raise_mixed(statistic, max(source, self._source, key=lambda run: run.run_id))
        if lazy and not isinstance(values, np.ndarray):
            return cast("da.Array", values)[chosen].astype(np.float32)
        return in_memory(values).astype(np.float32, copy=False)[chosen]

    def _raise_mixed(self, statistic: str, writer: Run) -> None:
        run = self.view.run
        raise ValueError(
            f"{self.view.key(statistic)!r} or what belongs to it was overwritten by run {writer.run_id}, so "
            f"the layers of run {run.run_id} cannot be built. Call `kp.tl.{run.analysis}` again, with all groups in one call "
            "or with another `key_added=`."
        )


def _joined(factors: list[np.ndarray | da.Array]) -> np.ndarray | da.Array:
    """Replicates of all conditions side by side; lazy if they are."""
    if len(factors) == 1:
        return factors[0]
    join = np.concatenate if all(isinstance(factor, np.ndarray) for factor in factors) else da.concatenate
    return join(factors, axis=2)
