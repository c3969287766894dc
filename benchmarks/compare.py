"""Seconds and peak memory of our analyses and of the peer's (kompot 0.8.0) on one simulated data set.

    uv run python benchmarks/compare.py --skip-peer
    uv run python benchmarks/compare.py --peer-python /path/to/venv/bin/python
    uv run python benchmarks/compare.py --skip-peer --before /path/to/a/worktree/of/an/older/commit

Each analysis runs in a fresh process. Compilation counts, imports and reading the data do not. The peer is a black box in
a virtual environment of its own, which the script makes with uv where it is missing. With replicate variance it needs a
cells x cells matrix per gene, so it gets 20 genes; without, it makes 2,000 null genes by default. On a machine with other work, compare the seconds of all cores: the clock
also counts the waiting, and set OMP_NUM_THREADS=1: threads of the linear algebra that wait for a core spin, which counts too. The load (programs that wanted a core, mean of the last minute) is printed for each run.
"""

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

PEER = "kompot==0.8.0"
PEER_SAMPLE_GENES = 20
MARK = "RESULT "

ANALYSES = {
    "de": "DE",
    "de_samples": "DE, replicate variance",
    "da": "DA",
    "da_samples": "DA, replicate variance",
}


def main() -> None:
    """Parse the arguments, simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-obs", type=int, default=8090)
    parser.add_argument("--n-vars", type=int, default=16285)
    parser.add_argument("--only", nargs="+", choices=ANALYSES, default=list(ANALYSES))
    parser.add_argument("--peer-python", type=Path, help="Python of a virtual environment with the peer.")
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--before", type=Path, help="Source tree of another commit, measured beside this one.")
    parser.add_argument("--repeat", type=int, default=1, help="Runs of each, in turn; the fastest counts.")
    parser.add_argument("--timeout", type=float, default=3600, help="Seconds after which a run is given up.")
    parser.add_argument("--data", type=Path, help="Keep the simulated data here, or use what is there.")
    parser.add_argument("--child", nargs=3, metavar=("TOOL", "ANALYSIS", "DATA"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        tool, analysis, path = arguments.child
        print(MARK + json.dumps(measure(tool, analysis, path)), flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.data or Path(folder) / "data.h5ad"
        if not path.exists():
            write_data(path, arguments.n_obs, arguments.n_vars)
        tools = {"ours": Path(sys.executable)}
        if arguments.before:
            tools["before"] = Path(sys.executable)
        if not arguments.skip_peer:
            tools["peer"] = peer_python(arguments.peer_python)
        results = {}
        for analysis in arguments.only:
            for tool, python in list(tools.items()) * arguments.repeat:
                source = arguments.before if tool == "before" else Path(__file__).resolve().parents[1]
                found = run(python, tool, analysis, path, arguments.timeout, source.resolve())
                earlier = results.get((tool, analysis))
                faster = earlier is None or (found is not None and found["seconds"] < earlier["seconds"])
                results[tool, analysis] = found if faster else earlier
        print_table(results, list(tools), arguments.only)


def write_data(path: Path, n_obs: int, n_vars: int) -> None:
    """Log-normalised expression, conditions, replicates and a representation: what both tools need, no more."""
    import anndata as ad

    from kompot_scverse.datasets import simulate

    start = time.perf_counter()
    full = simulate(n_obs, n_vars, samples={"Young": 3, "Old": 3}, n_latent=40, density=0.2)
    layer = full.layers["logged_counts"]
    adata = ad.AnnData(layer, obs=full.obs[["Age", "Replicate"]], var=full.var[[]])
    adata.obsm["DM_EigenVectors"] = full.obsm["DM_EigenVectors"]
    # strings that older versions of anndata read as well
    adata.obs = adata.obs.astype(str).astype(object)
    path.parent.mkdir(parents=True, exist_ok=True)
    ad.settings.allow_write_nullable_strings = True
    adata.write_h5ad(path)
    share = layer.nnz / (n_obs * n_vars)
    print(
        f"Simulated {n_obs:,} x {n_vars:,}, {share:.1%} non-zero, in {time.perf_counter() - start:.0f} s.", flush=True
    )


def peer_python(python: Path | None) -> Path:
    """Python with the peer; made with uv if it does not exist."""
    python = python or Path(tempfile.gettempdir()) / "kompot_peer" / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--python", "3.12", str(python.parents[1])], check=True)
        subprocess.run(["uv", "pip", "install", "--python", str(python), PEER], check=True)
    return python


def run(python: Path, tool: str, analysis: str, path: Path, timeout: float, source: Path) -> dict[str, float] | None:
    """Measure in a fresh process, in a folder of its own; None if it failed."""
    # the peer must not see our source
    ours = "" if tool == "peer" else str(source / "src")
    command = [str(python), str(Path(__file__).resolve()), "--child", tool, analysis, str(path.resolve())]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=timeout,
                env=os.environ | {"PYTHONPATH": ours},
            )
        except subprocess.TimeoutExpired:
            print(f"{tool} {analysis}: more than {timeout:.0f} s.", file=sys.stderr)
            return None
    found = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not found:
        print(f"{tool} {analysis} failed ({done.returncode}):\n{done.stderr[-3000:]}", file=sys.stderr)
        return None
    result = json.loads(found[0].removeprefix(MARK))
    print(
        f"{tool} {analysis}: {result['seconds']:.1f} s, {result['cpu']:.1f} s of all cores, peak {result['peak']:.2f} GB; "
        f"load {os.getloadavg()[0]:.1f}",
        file=sys.stderr,
        flush=True,
    )
    return result


def measure(tool: str, analysis: str, path: str) -> dict[str, float]:
    """Import, read, then measure."""
    import anndata as ad

    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    call = {"ours": ours, "before": ours, "peer": peer}[tool](analysis)
    adata = ad.read_h5ad(path)
    for column in ("Age", "Replicate"):
        adata.obs[column] = adata.obs[column].astype("category")
    if tool == "peer" and analysis == "de_samples":
        adata = adata[:, :PEER_SAMPLE_GENES].copy()
    baseline = peak_gigabytes()
    start, cpu = time.perf_counter(), time.process_time()
    call(adata)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "peak": peak_gigabytes(), "baseline": baseline}


def ours(analysis: str):
    """Everything imported; what is left is a call."""
    import dask.array  # noqa: F401
    import sklearn.neighbors  # noqa: F401

    from kompot_scverse import tl
    from kompot_scverse._gp.mellon import load_mellon

    load_mellon()
    tool = tl.de if analysis.startswith("de") else tl.da
    sample_key = "Replicate" if analysis.endswith("samples") else None
    return lambda adata: tool(adata, "Age", reference="Young", groups="Old", sample_key=sample_key)


def peer(analysis: str):
    """The peer's call with the same inputs and its own defaults."""
    import kompot

    tool = kompot.de if analysis.startswith("de") else kompot.da
    sample_col = "Replicate" if analysis.endswith("samples") else None
    return lambda adata: tool(adata, "Age", "Young", "Old", obsm_key="DM_EigenVectors", sample_col=sample_col)


def peak_gigabytes() -> float:
    """Largest memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def print_table(results: dict, tools: list[str], analyses: list[str]) -> None:
    """Markdown: seconds, seconds of all cores (which other programs hardly change), peak memory, and memory before the call."""
    header = [
        "analysis",
        *(f"{tool} {what}" for tool in tools for what in ("seconds", "of all cores", "peak GB", "(data loaded)")),
    ]
    header += [f"times as fast as {tool}" for tool in tools[1:]]
    rows = [header, ["---", *["--:"] * (len(header) - 1)]]
    for analysis in analyses:
        row = [ANALYSES[analysis]]
        for tool in tools:
            result = results[tool, analysis]
            if result is None:
                row += ["failed", "", "", ""]
                continue
            only = f" ({PEER_SAMPLE_GENES} genes)" if tool == "peer" and analysis == "de_samples" else ""
            seconds = [f"{result['seconds']:.1f}{only}", f"{result['cpu']:.1f}"]
            row += [*seconds, f"{result['peak']:.2f}", f"{result['baseline']:.2f}"]
        for other in tools[1:]:
            pair = [results[tool, analysis] for tool in ("ours", other)]
            row.append(
                f"{pair[1]['seconds'] / pair[0]['seconds']:.{2 if other == 'before' else 0}f}" if all(pair) else ""
            )
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    print()
    for row in rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


if __name__ == "__main__":
    main()
