"""An environment of its own for every peer. Run: python benchmarks/peers/environments.py /tmp/peers"""

import subprocess
import sys
from pathlib import Path

__all__ = ["PEERS", "python_of"]

PEERS = {
    "pertpy": ["pertpy==1.4.0", "pydeseq2==0.5.4", "formulaic-contrasts"],
    "edgepython": ["edgepython==0.5.0", "anndata"],
    "pylemur": ["pylemur==0.3.1", "harmonypy<0.1"],
    "cna": ["cna==0.2.6"],
    "kompot": ["kompot==0.8.0"],
}
"""What is installed, by the name of the environment."""


def python_of(folder: Path, name: str) -> Path:
    """Python of an environment, which is made if it does not exist."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--python", "3.12", str(folder / name)], check=True)
        subprocess.run(["uv", "pip", "install", "--python", str(python), *PEERS[name]], check=True)
    return python


if __name__ == "__main__":
    for peer in PEERS:
        print(python_of(Path(sys.argv[1]), peer))
