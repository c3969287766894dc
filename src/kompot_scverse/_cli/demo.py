"""`kompot-scverse demo`: the two analyses on simulated or own data, without and with replicates."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from .findings import Findings

DENSITY_CHANGE = 2.0
"""Twice the default of the simulation, so that some cells pass the threshold of 1 on the log fold change."""


N_STATES = 10
"""Diffusion components of the simulated cells."""


@dataclass
class Study:
    """The data of a demonstration, and how long each step took."""

    adata: "AnnData"
    groupby: str
    reference: str
    group: str
    sample_key: str | None
    layer: str | None
    use_rep: str | None
    cell_groups: str | None
    """Obs column of categories, for statistics and figures of them."""
    seconds: dict[str, float] = field(default_factory=dict)
    findings: "list[Findings]" = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure and print the time of a step."""
        typer.echo(f"{name} ...", nl=False)
        start = time.perf_counter()
        # what the tools warn about is said by the demonstration itself, and not in the middle of a line
        logger = logging.getLogger("kompot_scverse")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
        self.seconds[name] = time.perf_counter() - start
        typer.echo(f" {self.seconds[name]:.1f} s")


def demo(
    input: Annotated[
        Path | None,
        typer.Option(
            help="Your data (.h5ad); left out, data are simulated.", exists=True, dir_okay=False, readable=True
        ),
    ] = None,
    groupby: Annotated[str | None, typer.Option(help="Obs column of the conditions.")] = None,
    reference: Annotated[str | None, typer.Option(help="Condition to compare with.")] = None,
    group: Annotated[str | None, typer.Option("--groups", help="Condition that is compared, one of them.")] = None,
    sample_key: Annotated[str | None, typer.Option(help="Obs column of the biological replicates.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of the expression; left out, X.")] = None,
    use_rep: Annotated[str | None, typer.Option(help="Cell-state representation in obsm.")] = None,
    cell_groups: Annotated[
        str | None, typer.Option(help="Obs column of categories (cell types), for statistics and figures of them.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the result.", file_okay=False)] = Path("kompot_demo"),
    n_obs: Annotated[int, typer.Option(help="Simulated cells.")] = 3000,
    n_vars: Annotated[int, typer.Option(help="Simulated genes.")] = 1000,
    layers: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Also write the smoothed expression of all cells and genes.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
) -> None:
    """Run differential abundance and expression, without and with replicates, and say what was found.

    Without --input on simulated data, whose truth is known; with it on yours (--groupby, --reference and --groups are
    needed then).
    """
    own = {"--groupby": groupby, "--reference": reference, "--groups": group}
    extra = {"--sample-key": sample_key, "--layer": layer, "--use-rep": use_rep, "--cell-groups": cell_groups}
    if input is None and (given := [name for name, value in (own | extra).items() if value is not None]):
        raise typer.BadParameter(f"{', '.join(given)} describe your data; pass them with --input FILE.h5ad.")
    if input is not None and (lacking := [name for name, value in own.items() if value is None]):
        raise typer.BadParameter(f"--input also needs {', '.join(lacking)}.")
    from .session import errors_as_exit_codes

    with errors_as_exit_codes() as go_on:
        if input is None:
            study = _simulated(n_obs, n_vars, seed)
        else:
            study = _read(input, str(groupby), str(reference), str(group), sample_key, layer, use_rep, cell_groups)
        _run(study)
        go_on()
        _report(study, truth=input is None)
        path = output / ("simulated.h5ad" if input is None else f"{input.stem}_kompot.h5ad")
        _write(study, path, layers=layers)
        _draw(study, output / "figures")
        typer.echo(f"All of it on one page: kompot-scverse report {path} --output {output / 'report.html'}")


def _simulated(n_obs: int, n_vars: int, seed: int) -> Study:
    """The reference design: Young and Old with three replicates each, Mid with two."""
    from kompot_scverse.datasets import simulate
    from kompot_scverse.pp import diffusion_states

    from .prepare import principal_components

    start = time.perf_counter()
    adata = simulate(n_obs, n_vars, density_change=DENSITY_CHANGE, rng=seed)
    typer.echo(f"Simulated {n_obs:,} cells x {n_vars:,} genes in {time.perf_counter() - start:.1f} s.")
    # from the expression, as a user has to; the states that the cells were simulated from are the truth
    adata.obsm["X_pca"] = principal_components(adata, "logged_counts")
    diffusion_states(adata, n_components=N_STATES)
    study = Study(adata, "Age", "Young", "Old", "Replicate", "logged_counts", "X_diffusion", "celltype")
    _describe(study)
    return study


def _read(
    path: Path,
    groupby: str,
    reference: str,
    group: str,
    sample_key: str | None,
    layer: str | None,
    use_rep: str | None,
    cell_groups: str | None,
) -> Study:
    """The user's data, log-normalised and with a representation."""
    import anndata as ad

    from .prepare import choose_representation, log_normalized

    adata = ad.read_h5ad(path)
    typer.echo(f"Read {path}: {adata.n_obs:,} cells x {adata.n_vars:,} genes.")
    _check(adata, groupby, reference, group, sample_key, cell_groups)
    layer = log_normalized(adata, layer)
    use_rep = choose_representation(adata, use_rep, layer)
    study = Study(adata, groupby, reference, group, sample_key, layer, use_rep, cell_groups)
    _describe(study)
    return study


def _check(
    adata: "AnnData", groupby: str, reference: str, group: str, sample_key: str | None, cell_groups: str | None
) -> None:
    """Raise the errors of the analyses before anything is prepared for them."""
    from kompot_scverse._data.cell_groups import group_column
    from kompot_scverse._data.design import resolve_design

    group_column(adata, cell_groups)
    resolve_design(adata, groupby, reference=reference, groups=group, sample_key=sample_key)


def _describe(study: Study) -> None:
    """Print conditions and replicates."""
    obs = cast("pd.DataFrame", study.adata.obs)
    for condition, rows in obs.groupby(study.groupby, observed=True):
        replicates = "" if study.sample_key is None else f" in {rows[study.sample_key].nunique()} replicates"
        compared = str(condition) in (study.reference, study.group)
        typer.echo(f"  {condition}: {len(rows):,} cells{replicates}{'' if compared else ' (not compared)'}")
    typer.echo("")


def _run(study: Study) -> None:
    """Both analyses, without and, if there are replicates, with their variance."""
    from kompot_scverse import get, tl

    from .findings import Findings

    adata = study.adata
    common: dict[str, Any] = {"reference": study.reference, "groups": study.group, "use_rep": study.use_rep}
    for sample_key in [None] if study.sample_key is None else [None, study.sample_key]:
        how = "" if sample_key is None else " with replicates"
        with study.step(f"Differential abundance{how}"):
            tl.da(adata, study.groupby, sample_key=sample_key, overwrite=True, **common)
        with study.step(f"Differential expression{how}"):
            tl.de(
                adata,
                study.groupby,
                sample_key=sample_key,
                layer=study.layer,
                cell_groups=study.cell_groups,
                overwrite=True,
                **common,
            )
        cells = get.da_df(adata, obs_columns=study.groupby, sort=False)
        compared = cells[study.groupby].astype(str).isin([study.reference, study.group])
        study.findings.append(Findings(cells[compared], get.de_df(adata), sample_key is not None))
    if study.sample_key is None:
        typer.echo("No --sample-key, so differences between replicates count as differences between conditions.")


def _report(study: Study, *, truth: bool) -> None:
    from .findings import found, realised_errors

    typer.echo(found(study.findings))
    if truth:
        obs, var = cast("pd.DataFrame", study.adata.obs), cast("pd.DataFrame", study.adata.var)
        typer.echo(realised_errors(study.findings, obs, var))
    typer.echo(f"\nThe analyses took {sum(study.seconds.values()):.1f} s.")


def _draw(study: Study, folder: Path) -> None:
    from .figures import write_figures

    typer.echo("Figures ...", nl=False)
    start = time.perf_counter()
    files = write_figures(
        study.adata, folder, use_rep=str(study.use_rep), cell_groups=study.cell_groups,
        replicates=study.sample_key is not None,
    )  # fmt: skip
    typer.echo(f" {time.perf_counter() - start:.1f} s")
    typer.echo(f"Written: {folder} ({', '.join(file.name for file in files)}).")


def _write(study: Study, path: Path, *, layers: bool) -> None:
    from . import files
    from .layers import drop_layers

    if not layers:
        drop_layers(study.adata)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(study.adata, path, overwrite=True)
    typer.echo(f"Written: {path} ({path.stat().st_size / 1e6:.0f} MB).")
    if not layers:
        typer.echo("`kp.tl.restore_layers` gives it the smoothed expression; --layers writes that.")
