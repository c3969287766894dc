"""Files without the layers that can be built again."""

from collections.abc import Collection

from kompot_scverse import tl
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import all_views


def drop_layers(data: Data, before: Collection[int] = ()) -> None:
    """Drop the layers of all runs but those of `before`; what `kp.tl.restore_layers` builds them from stays."""
    views = all_views(data)
    added = {view.run.run_id for view in views} - set(before)
    fields = [field for view in views for field in view.run.fields]
    if any(field["slot"] == "layers" for field in fields):
        samples = any(field["statistic"].endswith("sample_weights") for field in fields)
        tl.cleanup(data, sorted(added), keep="sample_weights" if samples else ())
