"""Expression of cells as if all samples had been sequenced equally deep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kompot_scverse._gp.row_pieces import row_pieces
from kompot_scverse._gp.row_tasks import RowReader

from .layer_survey import LARGEST_COUNT
from .thinning import TABULATED, Thinning


@dataclass(frozen=True)
class EqualDepthReader:
    """Rows of log-normalised expression, as expected where only a share of the counts had been drawn."""

    reader: RowReader
    """Of the layer; of any of its genes."""
    unit: NDArray[np.float64]
    """What one count is worth before the logarithm, per cell."""
    share: NDArray[np.float64]
    """Share of the counts, per cell; with 1 the row stays as it is."""
    scale: float
    """Natural logarithm of the base of the layer's logarithm."""

    @property
    def shape(self) -> tuple[int, int]:
        """Cells x genes."""
        return self.reader.shape

    @property
    def chunks(self) -> Sequence[tuple[int, int]] | None:
        """Row ranges of the layer that are cheap to read."""
        return self.reader.chunks

    @property
    def movable(self) -> bool:
        """Whether the layer can be sent to another process."""
        return self.reader.movable

    def piece(self, rows: slice | NDArray[np.intp]) -> "EqualDepthReader":
        """A reader of these rows alone."""
        return replace(self, reader=self.reader.piece(rows), unit=self.unit[rows], share=self.share[rows])

    def of_genes(self, columns: NDArray[np.intp]) -> "EqualDepthReader":
        """A reader of some of its genes."""
        return replace(self, reader=self.reader.of_genes(columns))

    def read(self, rows: slice | NDArray[np.intp]) -> NDArray[np.floating] | sp.csr_array:
        """The rows, in the precision of the layer."""
        values, unit, share = self.reader.read(rows), self.unit[rows], self.share[rows]
        changed = (share < 1) & np.isfinite(unit)
        if not changed.any():
            return values
        block = sp.csr_array(values, copy=True)
        worth = np.where(changed, unit, 1.0)
        thinning, large = Thinning(worth, np.where(changed, share, 1.0)), []
        for piece, places in row_pieces(block.indptr):
            sizes = np.diff(block.indptr[piece.start : piece.stop + 1])
            cells = np.repeat(np.arange(piece.start, piece.stop), sizes)
            own, data = changed[cells], block.data[places]
            cells = cells[own]
            counts = np.expm1(data[own].astype(np.float64) * self.scale) / worth[cells]
            counts = np.rint(np.minimum(counts, LARGEST_COUNT)).astype(np.int64)
            data[own] = thinning.few(np.minimum(counts, TABULATED), cells) / self.scale
            many = counts > TABULATED
            large.append((np.flatnonzero(own)[many] + places.start, counts[many], cells[many]))
        at, counts, cells = (np.concatenate(parts) for parts in zip(*large, strict=True))
        block.data[at] = thinning.many(counts, cells) / self.scale
        return block
