"""Execute the tutorials in place: `uv run --group doc python tutorials/execute.py [NAME ...] [--data FOLDER]`.

Outputs are stored without machine paths and warnings of other packages. A notebook that reads published data takes
it from its `FILE = None` (downloaded), or with --data from the files in that folder.
"""

import argparse
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
LOCAL_FILES = {
    "02_getting_started": "kang_pbmc_ifnb.h5ad",
    "03_multimodal": "citeseq_pbmc10k.h5mu",
    "06_time_courses": "pbmc_vaccination_adt.h5ad",
    "07_from_genes_to_a_story": "kang_pbmc_ifnb.h5ad",
}
"""Subsets of the published data, used instead of them where --data has them."""
UNSET = "FILE = None"
PREPARE = """
import logging, warnings
import matplotlib
matplotlib.rcParams["figure.dpi"] = 80
warnings.filterwarnings("ignore", module=r"(anndata|scanpy|muon|mudata|dask|distributed|jax|pandas|seaborn|numba)\\b")
warnings.filterwarnings("ignore", message=r"(The 'future.infer_string'|The 'mode.chained|IProgress|JAXopt)")
logging.getLogger("distributed.nanny").setLevel(logging.ERROR)
"""
"""Run before the first cell: what other packages warn about is of no interest to the reader."""


def execute(path: Path, replace: dict[str, str] | None = None, timeout: int = 600) -> nbformat.NotebookNode:
    """
    Execute a notebook in an empty folder.

    Parameters
    ----------
    path
        The notebook; not changed.
    replace
        Text to replace in the code cells while they run.
    timeout
        Seconds a cell may take.

    Returns
    -------
    The notebook with outputs and its own source.
    """
    notebook = nbformat.read(path, as_version=4)
    sources = [cell.source for cell in notebook.cells]
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for old, new in (replace or {}).items():
            cell.source = cell.source.replace(old, new)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(PREPARE))
    # the kernel would otherwise show progress bars as widgets, which a page cannot
    os.environ["TQDM_DISABLE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        for table in HERE.glob("*.csv"):
            shutil.copy(table, folder)
        client = NotebookClient(
            notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute()
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                _hide_paths(output, folder)
    del notebook.cells[0]
    for cell, source in zip(notebook.cells, sources, strict=True):
        cell.source = source
        cell.metadata = {key: value for key, value in cell.metadata.items() if key != "execution"}
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
    return notebook


def _hide_paths(output: nbformat.NotebookNode, folder: str) -> None:
    """The temporary folder and the environment say nothing to a reader."""
    secret = re.compile("|".join(map(re.escape, (folder + "/", folder, str(HERE.parent.resolve()) + "/"))))
    if "text" in output:
        output.text = secret.sub("", output.text)
    for kind, value in output.get("data", {}).items():
        if isinstance(value, str) and kind.startswith("text/"):
            output.data[kind] = secret.sub("", value)


def main() -> None:
    """Parse the arguments, execute, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="Notebooks, without .ipynb; all if left out.")
    parser.add_argument("--data", type=Path, help="Folder with files to use instead of downloads.")
    arguments = parser.parse_args()
    names = arguments.names or sorted(path.stem for path in HERE.glob("*.ipynb"))
    for name in names:
        path, start = HERE / f"{name}.ipynb", time.perf_counter()
        replace = {}
        if arguments.data and name in LOCAL_FILES:
            replace[UNSET] = f"FILE = {str((arguments.data / LOCAL_FILES[name]).resolve())!r}"
        notebook = execute(path, replace)
        nbformat.write(notebook, path)
        print(f"{name}: {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
