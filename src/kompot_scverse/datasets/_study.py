"""Published studies: where their file comes from, and what is checked when it is read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
from anndata import AnnData

from kompot_scverse._data.errors import choices

FOLDER_VARIABLE = "KOMPOT_SCVERSE_DATA_DIR"
"""Environment variable that names the folder of the files, instead of the cache folder of the user."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A published data set."""

    name: str
    """What it is called in errors."""
    file: str
    """Name of its file in the cache."""
    source: str
    """Where the study and its data are published, as a sentence."""
    url: str | None = None
    """Where the file is downloaded from; None if it has no such place."""
    sha256: str | None = None
    """Checksum of the file at `url`, where known."""
    columns: tuple[str, ...] = ()
    """Obs columns that a file of it has."""

    def fetch(self, path: str | Path | None) -> Path:
        """
        The file: the user's own, the one in the cache folder, or downloaded into it.

        Raises
        ------
        FileNotFoundError
            If there is no such file, and it cannot be downloaded because it is published in another form.
        ConnectionError
            If the download fails.
        """
        if path is not None:
            if not Path(path).is_file():
                raise FileNotFoundError(f"No file {str(path)!r} (`path`). {self.source}")
            return Path(path)
        import pooch

        store = pooch.create(
            path=pooch.os_cache("kompot-scverse"),
            base_url="",
            env=FOLDER_VARIABLE,
            registry={self.file: self.sha256 and f"sha256:{self.sha256}"},
            urls={self.file: self.url},
        )
        kept = store.abspath / self.file
        if self.url is None:
            if kept.is_file():
                return kept
            raise FileNotFoundError(
                f"{self.name} is not published as a file that can be read here. {self.source} Pass your file as `path=`, "
                f"or put it into {store.abspath} as {self.file!r} ({FOLDER_VARIABLE} sets another folder)."
            )
        try:
            return Path(store.fetch(self.file, progressbar=True))
        except OSError as error:  # requests' errors are such
            raise ConnectionError(
                f"{self.name} could not be downloaded from {self.url} ({type(error).__name__}). Without a connection, "
                f"pass a file of it as `path=`, or put it into {store.abspath} as {self.file!r} "
                f"({FOLDER_VARIABLE} sets another folder). {self.source}"
            ) from error

    def read(self, path: str | Path | None) -> AnnData:
        """The file as it is; raises as :meth:`fetch` and :meth:`check_columns` do."""
        file = self.fetch(path)
        adata = ad.read_h5ad(file)
        self.check_columns(adata.obs.columns, self.columns, file)
        return adata

    def check_columns(self, existing: Iterable[str], columns: Iterable[str], path: Path) -> None:
        """Raise if the file is not one of this study."""
        existing = list(existing)
        lacking = [column for column in columns if column not in existing]
        if lacking:
            raise ValueError(
                f"{str(path)!r} is not a file of {self.name}: obs lacks {', '.join(map(repr, lacking))} "
                f"({choices(lacking[0], existing)}). {self.source}"
            )
