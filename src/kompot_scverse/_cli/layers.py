"""Files without the layers that can be built again."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from kompot_scverse import get, tl
from kompot_scverse._data.frame import frame_of
from kompot_scverse._runs.history import iterate_runs

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["drop_layers"]


def drop_layers(data: "AnnData | MuData", before: Collection[int] = ()) -> None:
    """Drop the layers of all runs but those of `before`; what `kp.tl.restore_layers` builds them from stays."""
    added = {int(run_id) for run_id in get.runs(data).index} - set(before)
    fields = [field for run in iterate_runs(frame_of(data, None)) for field in run.fields]
    if any(field["slot"] == "layers" for field in fields):
        samples = any(field["statistic"].endswith("sample_weights") for field in fields)
        tl.cleanup(data, sorted(added), keep="sample_weights" if samples else ())
