"""Tables of measured values beside the bounds asked for."""

import numpy as np

__all__ = ["Report"]

Bounds = dict[str, tuple[float, float]]


class Report:
    """Prints tables and remembers which bounds hold."""

    def __init__(self) -> None:
        self.held = 0
        self.missed: list[str] = []

    def table(self, title: str, columns: list[str], rows: list[tuple[str, list[float], Bounds]]) -> None:
        """Print rows of (name, values, bounds by column); an asked bound that fails is named in its row."""
        width = max(34, max(len(name) for name, _, _ in rows) + 2)
        print(f"\n{title}\n{'':{width}s}" + "".join(f"{c:>11s}" for c in columns) + "   asked")
        for name, values, bounds in rows:
            shown = "".join(f"{'-':>11s}" if np.isnan(v) else f"{v:11.4f}" for v in values)
            verdicts = []
            for column, (low, high) in bounds.items():
                value = values[columns.index(column)]
                holds = low <= value <= high
                asked = f"{column} " + (
                    f"≤ {high:.4g}" if low == -np.inf else f"≥ {low:.4g}" if high == np.inf else f"{low:.4g}–{high:.4g}"
                )
                verdicts.append(asked + (" holds" if holds else " MISSED"))
                self.held += holds
                if not holds:
                    self.missed.append(f"{title}: {name}: {asked}, measured {value:.4f}")
            print(f"{name:{width}s}{shown}   {'; '.join(verdicts)}", flush=True)

    def summary(self) -> None:
        print(f"\n{self.held} bounds hold, {len(self.missed)} missed" + (":" if self.missed else "."))
        for line in self.missed:
            print(f"  {line}")
