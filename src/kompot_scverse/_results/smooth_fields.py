"""The fields that smoothing writes, without values."""

from kompot_scverse._runs.field import Field

from .de_fields import variance_rows


def plan_fields(prefix: str, name: str, *, estimated: bool, layers: bool, basis: bool = True) -> list[Field]:
    """
    All fields of a call in one modality, named as those of a group, since they can be rebuilt in the same way.

    Parameters
    ----------
    prefix
        Of the keys.
    name
        What the cells are called: the category, or all cells.
    estimated
        Whether the variance components of each gene are estimated.
    layers
        Whether layers are written.
    basis
        Whether the features are kept.
    """
    text = f"weights of the smoothed expression in {name}, genes × rank"
    fields = [Field("varm", f"{prefix}_weights", "group_weights", text)]
    if basis:
        about = "features of the cell states, cells × rank"
        fields.insert(0, Field("obsm", f"{prefix}_basis", "basis", about))
    text = f"posterior SD of the smoothed expression in {name}"
    if estimated:
        rows = variance_rows(f"the smoothed expression in {name}")
        fields += [Field(slot, f"{prefix}_{what}", f"group_{what}", about) for slot, what, _, about in rows]
    else:
        fields.append(Field("obs", f"{prefix}_std", "group_std", text))
    if layers and estimated:
        fields.append(Field("layers", f"{prefix}_std", "group_std", text))
    if layers:
        fields.append(Field("layers", f"{prefix}_imputed", "group_imputed", f"smoothed expression in {name}"))
    return fields
