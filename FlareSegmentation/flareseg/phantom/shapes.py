"""Analytic shapes, each with its bounding box and an approximate signed distance in mm.

Points are three arrays (z, y, x) of one shape, in mm: z runs up, y to the back, x to the patient's left.
Distances are negative inside. They are exact for capsules and half spaces and close to the surface elsewhere,
which is all that layers, shells and gaps need. ``a & b`` intersects, ``~a`` is the outside of a, and
``a.grown(mm)`` offsets a shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_interp_spline

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
Triple = tuple[float, float, float]
TubeRow = tuple[float, float, float, float]

EVERYWHERE = np.array([[-np.inf] * 3, [np.inf] * 3])
_TINY = 1e-6


class Shape:
    """A region of space."""

    @property
    def box(self) -> np.ndarray:
        """(2, 3) array: the lowest and the highest (z, y, x) of the shape in mm, infinite where it has no end."""
        return EVERYWHERE

    def distance(self, points: Points) -> np.ndarray:
        """About how far each point is from the surface in mm, negative inside."""
        raise NotImplementedError

    def parts(self) -> Sequence[Shape]:
        """Shapes with smaller boxes whose union is this one: cheaper to paint one by one."""
        return (self,)

    def grown(self, mm: float) -> Shape:
        """This shape with its surface moved outwards (inwards where ``mm`` is negative)."""
        return Grown(self, mm)

    def __and__(self, other: Shape) -> Shape:
        return Intersection((self, other))

    def __invert__(self) -> Shape:
        return Outside(self)


@dataclass(frozen=True)
class Grown(Shape):
    shape: Shape
    mm: float

    @property
    def box(self) -> np.ndarray:
        more = max(self.mm, 0)  # the box of a shrunken shape could cut it: distances are approximate inside
        return self.shape.box + np.array([[-more], [more]])

    def distance(self, points: Points) -> np.ndarray:
        return self.shape.distance(points) - self.mm

    def parts(self) -> Sequence[Shape]:
        return [Grown(part, self.mm) for part in self.shape.parts()]


@dataclass(frozen=True)
class Outside(Shape):
    shape: Shape

    def distance(self, points: Points) -> np.ndarray:
        return -self.shape.distance(points)


@dataclass(frozen=True)
class Intersection(Shape):
    """What lies in all ``shapes``; edges are rounded over about ``blend`` mm."""

    shapes: tuple[Shape, ...]
    blend: float = 0.0

    @property
    def box(self) -> np.ndarray:
        boxes = np.array([shape.box for shape in self.shapes])
        return np.array([boxes[:, 0].max(0), boxes[:, 1].min(0)])

    def distance(self, points: Points) -> np.ndarray:
        far, *others = (shape.distance(points) for shape in self.shapes)
        for other in others:
            far = smooth_max(far, other, self.blend)
        return far

    def parts(self) -> Sequence[Shape]:
        first, *others = self.shapes
        return [Intersection((part, *others), self.blend) for part in first.parts()]


@dataclass(frozen=True)
class Union(Shape):
    """What lies in any of ``shapes``; the creases between them are filled over about ``blend`` mm."""

    shapes: tuple[Shape, ...]
    blend: float = 0.0

    @property
    def box(self) -> np.ndarray:
        boxes = np.array([shape.box for shape in self.shapes])
        return np.array([boxes[:, 0].min(0) - self.blend / 4, boxes[:, 1].max(0) + self.blend / 4])

    def distance(self, points: Points) -> np.ndarray:
        near, *others = (shape.distance(points) for shape in self.shapes)
        for other in others:
            near = -smooth_max(-near, -other, self.blend)
        return near

    def parts(self) -> Sequence[Shape]:
        return (self,) if self.blend else [part for shape in self.shapes for part in shape.parts()]


def smooth_max(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """The larger of two distances, rounded where they differ by less than ``blend`` mm."""
    larger = np.maximum(a, b)
    if blend:
        larger += np.maximum(blend - np.abs(a - b), 0) ** 2 / (4 * blend)
    return larger


@dataclass(frozen=True)
class HalfSpace(Shape):
    """The side of a plane through ``through`` that ``outwards`` points away from."""

    through: Triple
    outwards: Triple

    @property
    def box(self) -> np.ndarray:
        box = EVERYWHERE.copy()
        if np.count_nonzero(self.outwards) == 1:
            axis = int(np.flatnonzero(self.outwards)[0])
            box[int(self.outwards[axis] > 0), axis] = self.through[axis]
        return box

    def distance(self, points: Points) -> np.ndarray:
        normal = np.array(self.outwards) / np.linalg.norm(self.outwards)
        start = float(normal @ self.through)
        return sum(float(n) * p for n, p in zip(normal, points) if n) - np.float32(start)


@dataclass(frozen=True)
class Ellipsoid(Shape):
    """A superellipsoid around ``centre``. ``lean``: mm that y and x of its axis move per mm of z; ``power`` 2 is an
    ellipsoid, more is boxier."""

    centre: Triple
    radii: Triple
    lean: tuple[float, float] = (0.0, 0.0)
    power: float = 2.0

    @property
    def box(self) -> np.ndarray:
        reach = np.array(self.radii) + self.radii[0] * np.abs([0.0, *self.lean])
        return np.array(self.centre) + np.array([-reach, reach])

    def distance(self, points: Points) -> np.ndarray:
        z, y, x = (p - np.float32(c) for p, c in zip(points, self.centre))
        y, x = y - np.float32(self.lean[0]) * z, x - np.float32(self.lean[1]) * z
        return radial_distance((z, y, x), self.radii, self.power)


def radial_distance(offsets: Sequence[np.ndarray], radii: Sequence[np.ndarray | float], power: float) -> np.ndarray:
    """Distance to a superellipsoid along the ray from its centre; ``offsets`` from the centre and ``radii`` in mm."""
    scaled = [np.abs(o / np.asarray(r, np.float32)) for o, r in zip(offsets, radii)]
    level = sum(s * s if power == 2 else s**power for s in scaled) ** np.float32(1 / power) + np.float32(_TINY)
    return np.sqrt(sum(o * o for o in offsets) + np.float32(_TINY)) * (1 - 1 / level)


@dataclass(frozen=True)
class Capsule(Shape):
    """A straight tube from ``start`` to ``end`` with round ends and a radius that changes evenly."""

    start: Triple
    end: Triple
    radii: tuple[float, float]

    @property
    def box(self) -> np.ndarray:
        ends = np.array([self.start, self.end])
        return np.array([ends.min(0), ends.max(0)]) + max(self.radii) * np.array([[-1.0], [1.0]])

    def distance(self, points: Points) -> np.ndarray:
        along = np.subtract(self.end, self.start).astype(np.float32)
        from_start = [p - np.float32(s) for p, s in zip(points, self.start)]
        fraction = sum(a * f for a, f in zip(along, from_start)) / np.float32(along @ along + _TINY)
        fraction = np.clip(fraction, 0, 1)
        square = sum((f - fraction * a) ** 2 for a, f in zip(along, from_start))
        return np.sqrt(square) - (self.radii[0] + np.float32(self.radii[1] - self.radii[0]) * fraction)


def tube(rows: Sequence[TubeRow], step: float = 8.0) -> Union:
    """A curved tube: a spline through the rows (z, y, x, radius) in mm, cut into capsules of about ``step`` mm."""
    *places, radii = np.array(rows, float).T
    knots = np.stack(places, 1)
    lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))]
    at = np.linspace(0, lengths[-1], max(2, int(lengths[-1] / step) + 1))
    path = make_interp_spline(lengths, knots, k=min(2, len(knots) - 1))(at)
    width = np.interp(at, lengths, radii)
    pairs = zip(path, path[1:], width, width[1:])
    return Union(tuple(Capsule(_triple(a), _triple(b), (float(r), float(s))) for a, b, r, s in pairs))


@dataclass(frozen=True)
class Column(Shape):
    """A body of horizontal superelliptic cross-sections. ``sections``: rows of (z, front y, back y, half width) in mm,
    ascending in z; the first and last go on for ever."""

    sections: tuple[tuple[float, float, float, float], ...]
    power: float = 2.5
    middle: float = 0.0

    @property
    def box(self) -> np.ndarray:
        _, front, back, half = np.array(self.sections).T
        low, high = (-np.inf, front.min(), self.middle - half.max()), (np.inf, back.max(), self.middle + half.max())
        return np.array([low, high])

    def section(self, z: np.ndarray) -> list[np.ndarray]:
        """Front y, back y and half width at heights ``z``, all in mm."""
        heights, *columns = np.array(self.sections).T
        return [np.interp(z, heights, column).astype(np.float32) for column in columns]

    def frame(self, points: Points) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Offsets (y, x) from the axis and radii (y, x) of the section at each point's height."""
        z, y, x = points
        front, back, half = self.section(z.mean(axis=(1, 2), keepdims=True))  # it changes slowly: one a slice will do
        return (y - (front + back) / 2, x - np.float32(self.middle)), ((back - front) / 2, half)

    def distance(self, points: Points) -> np.ndarray:
        offsets, radii = self.frame(points)
        return radial_distance(offsets, radii, self.power)


@dataclass(frozen=True)
class Below(Shape):
    """Everything under the surface z = ``height(points)``, nowhere above ``top`` (mm); its slopes are taken to be about
    45 degrees."""

    height: Callable[[Points], np.ndarray]
    top: float

    @property
    def box(self) -> np.ndarray:
        return np.array([[-np.inf] * 3, [self.top, np.inf, np.inf]])

    def distance(self, points: Points) -> np.ndarray:
        return (points[0] - self.height(points)) * np.float32(0.7)


def _triple(values: np.ndarray) -> Triple:
    z, y, x = (float(v) for v in values)
    return (z, y, x)
