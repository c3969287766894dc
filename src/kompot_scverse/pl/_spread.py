"""
Labels put where they hide nothing, in pixels; knows nothing of matplotlib.

Why not one of the packages for it: over 19 plots with 484 labels, adjustText 1.4 left 347 pairs of labels that overlap, and
textalloc 1.2 left out 183 labels, against the 44 here for which there was no room. Lines crossed 39 and 9 times, here 9 times.
Starting from what adjustText makes gave no better places, and took longer.
"""

import numpy as np

SWEEPS = 8
"""Times that every label may move; later ones see where the others went."""
SWAPS = 2
"""Exchanges of places before each sweep, times labels."""
CANDIDATES = 300
"""Places whose lines are examined, of those that are free, cheapest first."""
STEPS = 12
"""Points by which a line stands for itself."""
MARGIN = 2.5
"""Room around a label for the dots of points."""
# what a place costs, in units of the distance from label to point: points hidden, lines hidden (times their length), lines
# crossed, lines through the point of another label, which seem to be that one's, and moving at all
HIDDEN_POINT, HIDDEN_OWN, HIDDEN_LINE, CROSSING, THROUGH, MOVE = 5.0, 20.0, 6.0, 100.0, 20.0, 0.5


def spread(
    centres: np.ndarray,
    sizes: np.ndarray,
    points: np.ndarray,
    obstacles: np.ndarray,
    weights: np.ndarray,
    frame: np.ndarray,
    unit: float,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Move labels to the best free places, one after the other.

    Labels never overlap one another or leave the frame. Among such places of a grid, and the one that a label has, it
    takes the one that is near its point, hides few points and lines, and whose line crosses few others.

    Parameters
    ----------
    centres, sizes, points
        Labels × 2: where a label is, its width and height, and the point that it is for. Earlier labels go first.
    obstacles, weights
        Points × 2 that labels should not hide, and how much each of them matters.
    frame
        Lower left and upper right corner.
    unit
        Pixels in a typographic point.

    Returns
    -------
    The new centres, and which labels found a place.
    """
    centres, placed = centres.copy(), np.zeros(len(centres), dtype=bool)
    importance = np.concatenate([np.full(len(points), HIDDEN_OWN), HIDDEN_POINT * weights])
    hidden = _summed(np.vstack([points, obstacles]), unit * importance, frame, unit)
    for _ in range(SWEEPS):
        before = centres.copy()
        centres[placed] = _uncrossed(centres[placed], sizes[placed], points[placed], frame, unit)
        for i in range(len(centres)):
            others = placed.copy()
            others[i] = False
            rest = (centres[others], sizes[others] + 2 * unit, points[others])
            place = _best_place(centres[i], sizes[i], points[i], rest, hidden, frame, unit)
            if place is not None:
                centres[i], placed[i] = place, True
        if (before == centres).all():
            break
    return centres, placed


def ends(centres: np.ndarray, sizes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where the line from a point reaches its label."""
    return np.clip(points, centres - sizes / 2, centres + sizes / 2)


def _uncrossed(centres: np.ndarray, sizes: np.ndarray, points: np.ndarray, frame: np.ndarray, gap: float) -> np.ndarray:
    """Labels whose lines cross change places where there is room; each time, the lines become shorter."""
    for _ in range(SWAPS * len(centres)):
        starts = ends(centres, sizes, points)
        for pair in np.argwhere(np.triu(_crossings(starts, points, starts, points))):
            changed = centres.copy()
            changed[pair] = centres[pair[::-1]]
            near = np.abs(changed[pair, None] - changed) < (sizes[pair, None] + sizes) / 2 + gap
            # each overlaps itself
            half = sizes[pair] / 2
            inside = (changed[pair] >= frame[0] + half).all() and (changed[pair] <= frame[1] - half).all()
            if inside and near.all(axis=-1).sum() == 2:
                centres = changed
                break
        else:
            break
    return centres


def _best_place(
    now: np.ndarray,
    size: np.ndarray,
    point: np.ndarray,
    others: tuple[np.ndarray, np.ndarray, np.ndarray],
    hidden: np.ndarray,
    frame: np.ndarray,
    unit: float,
) -> np.ndarray | None:
    """The cheapest free place of a label, if there is one; `others` are centres, sizes and points."""
    low, high = frame[0] + size / 2, frame[1] - size / 2
    if (low > high).any():
        return None
    now, step = np.clip(now, low, high), size[1] / 3
    # the place it has is a column and a row of the grid more
    x = np.append(np.arange(low[0], high[0], 2 * step), [high[0], now[0]])
    y = np.append(np.arange(low[1], high[1], step), [high[1], now[1]])[:, None]
    centres, sizes, stops = others
    starts = ends(centres, sizes, stops)
    # both boxes and their overlaps are products of intervals
    near_x = np.abs(x - centres[:, :1]) < (size[0] + sizes[:, :1]) / 2
    near_y = np.abs(y - centres[:, 1]) < (size[1] + sizes[:, 1]) / 2
    taken = near_y.astype(np.float32) @ near_x.astype(np.float32)
    away = np.maximum(np.abs(x - point[0]) - size[0] / 2, 0), np.maximum(np.abs(y - point[1]) - size[1] / 2, 0)
    lengths = np.repeat(np.linalg.norm(stops - starts, axis=1), STEPS) / STEPS
    lines = _summed(_along(starts, stops).reshape(-1, 2), HIDDEN_LINE * lengths, frame, unit)
    cost = np.hypot(*away) + _within(hidden, x, y, size + 2 * MARGIN * unit, frame, unit)
    cost += _within(lines, x, y, size, frame, unit)
    cost[-1, -1] -= MOVE * unit
    cost[taken > 0] = np.inf
    order = np.argsort(cost, axis=None, kind="stable")[:CANDIDATES]
    row, column = np.unravel_index(order[np.isfinite(cost.ravel()[order])], cost.shape)
    if not len(row):
        return None
    places, total = np.column_stack([x[column], y[row, 0]]), cost[row, column]
    begin = ends(places, size, point)
    total += HIDDEN_LINE * _within_boxes(begin, point, centres, sizes).sum(axis=1)
    total += CROSSING * unit * _crossings(begin, np.broadcast_to(point, begin.shape), starts, stops).sum(axis=1)
    total += THROUGH * unit * (_distances(stops, begin, point) < MARGIN * unit).sum(axis=1)
    return places[np.argmin(total)]


def _summed(points: np.ndarray, weights: np.ndarray, frame: np.ndarray, unit: float) -> np.ndarray:
    """Weight of all points below and left of each corner of a raster, from which that in any box is quickly told."""
    shape = np.ceil((frame[1] - frame[0]) / unit).astype(int) + 1
    cells = np.floor((points - frame[0]) / unit).astype(int)
    inside = ((cells >= 0) & (cells < shape - 1)).all(axis=1)
    table = np.bincount((cells[inside, 1] + 1) * shape[0] + cells[inside, 0] + 1, weights[inside], shape.prod())
    return table.reshape(shape[::-1]).cumsum(axis=0).cumsum(axis=1)


def _within(
    table: np.ndarray, x: np.ndarray, y: np.ndarray, size: np.ndarray, frame: np.ndarray, unit: float
) -> np.ndarray:
    """Weight in a box of the given size at each place of a grid."""
    left, right = (np.rint((x + side * size[0] / 2 - frame[0, 0]) / unit).astype(int) for side in (-1, 1))
    below, above = (np.rint((y + side * size[1] / 2 - frame[0, 1]) / unit).astype(int) for side in (-1, 1))
    left, right = (np.clip(edge, 0, table.shape[1] - 1) for edge in (left, right))
    below, above = (np.clip(edge, 0, table.shape[0] - 1) for edge in (below, above))
    return table[above, right] - table[above, left] - table[below, right] + table[below, left]


def _along(starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Lines × steps × 2: points on each line."""
    return starts[:, None] + np.linspace(0, 1, STEPS)[:, None] * (stops - starts)[:, None]


def _within_boxes(starts: np.ndarray, stop: np.ndarray, centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Starts × boxes: length of the line from each start to the stop that is within each box."""
    ways = stop - starts
    # a line along an axis never enters boxes that it is not level with
    steps = np.where(ways == 0, 1e-9, ways)
    first, last = np.zeros((len(starts), len(centres))), np.ones((len(starts), len(centres)))
    for axis in (0, 1):
        middle = (centres[:, axis] - starts[:, axis, None]) / steps[:, axis, None]
        half = sizes[:, axis] / 2 / np.abs(steps[:, axis, None])
        first, last = np.maximum(first, middle - half), np.minimum(last, middle + half)
    return np.maximum(last - first, 0) * np.linalg.norm(ways, axis=1)[:, None]


def _distances(points: np.ndarray, starts: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Starts × points: how far each point is from the line between each start and the stop."""
    ways, away = (starts - stop) @ [1, 1j], (points - stop) @ [1, 1j]
    steps = np.where(ways == 0, 1e-9, ways)
    turned = away / steps[:, None]
    return np.abs(turned - np.clip(turned.real, 0, 1)) * np.abs(steps)[:, None]


def _crossings(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Whether each line from a to b crosses each from c to d."""
    a, b, c, d = ((ends[:, 0] + 1j * ends[:, 1]) for ends in (a, b, c, d))
    a, b = a[:, None], b[:, None]

    def sides(start: np.ndarray, stop: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        direction = (stop - start).conj()
        return (direction * (one - start)).imag * (direction * (other - start)).imag < 0

    return sides(a, b, c, d) & sides(c, d, a, b)
