"""An effect of the design of the samples that is tested."""

from dataclasses import dataclass

import numpy as np

from kompot_scverse._keys import effect_key


@dataclass(frozen=True)
class Effect:
    """One effect that is tested."""

    name: str
    """As the user or the formula calls it."""
    contrast: np.ndarray
    """Coefficients, or coefficients × contrasts tested together."""
    unit: str | None = None
    """What one unit of the effect is, if it is a slope: the name of the variable."""
    levels: tuple[str, ...] = ()
    """For an effect with several coefficients: the values of its variable or, of several variables, the coefficients."""
    of_levels: np.ndarray | None = None
    """Differences of the levels from the first, or the coefficients themselves: coefficients × levels."""

    @property
    def key(self) -> str:
        """The name as it appears in fields."""
        return effect_key(self.name)

    @property
    def omnibus(self) -> bool:
        """Whether several contrasts are tested together, without one direction."""
        return self.contrast.ndim == 2

    def levels_of(self, effect: np.ndarray) -> np.ndarray | None:
        """Levels less the first, from estimates of the contrasts (… × contrasts): levels × …; None where these do not give them."""
        assert self.of_levels is not None
        combined = np.linalg.lstsq(self.contrast, self.of_levels, rcond=None)[0]
        if not np.allclose(self.contrast @ combined, self.of_levels, atol=1e-8 * np.abs(self.of_levels).max()):
            return None
        return np.moveaxis(effect @ combined, -1, 0)
