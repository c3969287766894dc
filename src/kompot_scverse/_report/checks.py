"""What a reader should know before believing a run."""

from collections.abc import Iterator

from kompot_scverse._data.nesting import grouping_column
from kompot_scverse._runs.run_samples import design_of

from .run import ReportedRun

FEW = 3
"""Samples of a condition below which a test has little power."""
DEPTH = 1.25
"""Ratio of the depths of the conditions from which on it is said."""
MUCH = 1 / 3
"""Share of the calls that rest on one sample from which on it is said."""

MOST = 2 / 3
"""Share of the calls that are lost without one sample from which on they are said to be fragile."""


def checks(run: ReportedRun) -> Iterator[str]:
    """Sentences, the weightiest first; none where there is nothing to say."""
    own = run.view.run
    summary, samples = own.summary, own.cells.get("samples", {})
    if not run.replicates:
        yield (
            "The run has no samples: differences between donors or animals count as differences between conditions, and "
            "p-values are about these cells only."
        )
    for condition, of_condition in samples.items():
        if len(of_condition) < FEW:
            yield f"{condition} has {len(of_condition)} samples. Tests between so few find only what is large."
    if own.cells.get("left_out"):
        yield f"Samples with too few cells to count as replicates: {', '.join(map(str, own.cells['left_out']))}."
    yield from _grouped(run)
    yield from _influence(run)
    n_cells = sum(own.cells.get("conditions", {}).values())
    if (supported := summary.get("n_supported", n_cells)) < n_cells:
        yield (
            f"{n_cells - supported:,} of {n_cells:,} cells are in states where one side of the contrast has hardly any cells; "
            "fold changes there are extrapolated, and plots show these cells in grey."
        )
    tested, n = summary.get("n_neighborhoods_tested"), summary.get("n_neighborhoods")
    if tested is not None and n is not None and tested < n:
        yield f"{n - tested} of {n} neighbourhoods have too few cells or samples for the test; nothing is said about genes there."
    ratio = summary.get("depth_ratio")
    if ratio is not None and not 1 / DEPTH < ratio < DEPTH:
        how = (
            "tests are made at equal depth" if own.params.get("tested_at_equal_depth") else "tests do not allow for it"
        )
        yield f"Cells of {own.group} were sequenced {ratio:.2f} times as deep as those of {own.contrast.get('reference')}; {how}."
    residual, rtol = own.params.get("residual"), own.params.get("rtol")
    if residual is not None and rtol is not None and residual > 10 * float(rtol):
        yield f"The basis leaves out {residual:.1%} of the prior variance; more landmarks (`n_landmarks`) would describe more."


def _influence(run: ReportedRun) -> Iterator[str]:
    found = run.view.run.summary.get("influence")
    if not found:
        return
    for sample, n in found["n_resting"].items():
        if n > MUCH * found["n_called"]:
            yield f"{n:,} of the {found['n_called']:,} calls would not be made without {sample} alone."
    fragile = [sample for sample, n in found["n_lost"].items() if n > MOST * found["n_called"]]
    if fragile:
        yield (
            f"Most of the {found['n_called']:,} calls are lost without {'any one of ' if fragile[1:] else ''}{', '.join(fragile)}: they are "
            "close to the threshold."
        )


def _grouped(run: ReportedRun) -> Iterator[str]:
    """Another column may hold the individuals."""
    if not run.replicates or run.view.effect is not None:
        return
    try:
        design = design_of(run.view)
    except (LookupError, ValueError):  # columns have changed since
        return
    if (found := grouping_column(run.view.data, design)) is not None:
        name, n = found
        yield (
            f"Obs column “{name}” groups the {len(design.samples)} samples in {n}, each within one condition. If these are the "
            "individuals, the samples are technical replicates, with which tests are too confident."
        )
