"""What a representation should not be: a picture, or one of uninformative or very many diffusion components."""

import re

import numpy as np

from kompot_scverse._messages import logger

from .resolve import spellings

PICTURE = re.compile(r"umap|t-?sne|draw_graph|phate", re.IGNORECASE)
DIFFUSION = re.compile(r"^(X_)?(DM_|diffmap|diffusion)", re.IGNORECASE)
MANY = 15
"""Diffusion components beyond which the last are mostly noise."""
CONSTANT = 1e-6
"""Extent of a component, over that of the widest, below which it does not reach the distances."""


def warn_of_picture(name: str) -> None:
    """Warn of embeddings that are drawn for the eye."""
    if PICTURE.search(name):
        logger.warning(
            "obsm[%r] looks like a picture, in which distances mean little; use what it was drawn from, such as principal "
            "or diffusion components, as `use_rep=`.",
            name,
        )


def informative_components(name: str, x: np.ndarray) -> np.ndarray:
    """
    Numbers of the components of a representation that say something about the state of a cell; warns of what harms.

    Uninformative are constant ones, as the first of Palantir's, and the first of `sc.tl.diffmap`: the square root of the degree
    of a cell, the only one of its components that has the same sign everywhere.

    Parameters
    ----------
    name
        Its key in obsm.
    x
        Cells × components; rows that are not finite are not looked at.
    """
    own = name.rpartition(":")[2]
    warn_of_picture(own)
    every = np.arange(x.shape[1])
    finite = np.isfinite(x).all(axis=1)
    used = x if finite.all() else x[finite]
    if len(used) < 2:
        return every
    extent = np.ptp(used, axis=0)
    dropped = extent <= CONSTANT * extent.max()
    if own in spellings("X_diffmap"):
        dropped[0] |= bool((used[:, 0] > 0).all() or (used[:, 0] < 0).all())
    if dropped.any() and not dropped.all():
        logger.info(
            "Component %s of obsm[%r] says nothing about the state of a cell (it is constant, or the steady state of the "
            "diffusion) and is left out.",
            ", ".join(map(str, np.flatnonzero(dropped))), name,
        )  # fmt: skip
        every = every[~dropped]
    if DIFFUSION.search(own) and len(every) > MANY:
        logger.warning(
            "obsm[%r] has %d diffusion components. Beyond about %d they are mostly noise, which moves cells of the same "
            "state apart; `kp.pp.diffusion_states` chooses their number.",
            name, len(every), MANY,
        )  # fmt: skip
    return every
