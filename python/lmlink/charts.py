"""Small charts as SVG text, for pages that carry everything they show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from typing import Iterable, Sequence

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 78, 14, 14, 46
COLOURS = ("#0057b8", "#c8553d", "#2a9d8f", "#8e6bbf", "#b8860b", "#555555")
MOST_POINTS = 4000  # of a series; more are thinned out


@dataclass
class Series:
    """Points of one colour. Where x or y is no finite number (on a logarithmic axis: not positive) there is none."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    line: bool = True
    dots: bool = False
    titles: Sequence[str] | None = None  # what is shown where the pointer is at a dot
    colour: str | None = None


@dataclass
class Chart:
    title: str
    x_label: str
    y_label: str
    series: list[Series] = field(default_factory=list)
    log_x: bool = False
    log_y: bool = False
    diagonal: bool = False
    marks: list[tuple[float, str]] = field(default_factory=list)  # vertical lines at x, with their texts

    def svg(self) -> str:
        """The whole element; empty where there is no point."""
        points = [(x, y) for series in self.series for x, y in zip(series.x, series.y) if self._is_shown(x, y)]
        if not points:
            return ""
        xs, ys = [x for x, _ in points], [y for _, y in points]
        if self.diagonal:
            xs = ys = xs + ys
        horizontal = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT, self.log_x)
        vertical = _Axis(min(ys), max(ys), HEIGHT - BOTTOM, TOP, self.log_y)
        parts = [*self._frame(horizontal, vertical), *self._curves(horizontal, vertical)]
        return (f'<figure><figcaption>{escape(self.title)}</figcaption>{self._legend()}<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
                f'aria-label="{escape(self.title)}">{"".join(parts)}</svg></figure>')

    def _is_shown(self, x: float, y: float) -> bool:
        return (math.isfinite(x) and math.isfinite(y) and (x > 0 or not self.log_x) and (y > 0 or not self.log_y))

    def _frame(self, horizontal: _Axis, vertical: _Axis) -> Iterable[str]:
        for value, text in vertical.ticks(6):
            at = vertical.place(value)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
            yield f'<text class="tick" x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'
        for value, text in horizontal.ticks(8):
            at = horizontal.place(value)
            yield f'<line class="grid" y1="{TOP}" y2="{HEIGHT - BOTTOM}" x1="{at:.1f}" x2="{at:.1f}"/>'
            yield f'<text class="tick" x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{text}</text>'
        middle = (LEFT + WIDTH - RIGHT) / 2
        yield f'<text class="label" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(self.x_label)}</text>'
        centre = (TOP + HEIGHT - BOTTOM) / 2
        yield (f'<text class="label" transform="translate(14 {centre}) rotate(-90)" text-anchor="middle">'
               f'{escape(self.y_label)}</text>')
        if self.diagonal:
            low, high = horizontal.low, horizontal.high
            yield (f'<line class="mark" x1="{horizontal.place(low):.1f}" y1="{vertical.place(low):.1f}" '
                   f'x2="{horizontal.place(high):.1f}" y2="{vertical.place(high):.1f}"/>')
        for value, text in self.marks:
            at = horizontal.place(value)
            if LEFT <= at <= WIDTH - RIGHT:
                yield f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
                yield f'<text class="tick" x="{at + 4:.1f}" y="{TOP + 12}">{escape(text)}</text>'

    def _curves(self, horizontal: _Axis, vertical: _Axis) -> Iterable[str]:
        for number, series in enumerate(self.series):
            colour = series.colour or COLOURS[number % len(COLOURS)]
            step = max(1, -(-len(series.x) // MOST_POINTS))
            run: list[str] = []
            for k in range(0, len(series.x), step):
                x, y = series.x[k], series.y[k]
                if not self._is_shown(x, y):
                    yield from _polyline(run, colour)
                    run = []
                    continue
                place = f"{horizontal.place(x):.1f},{vertical.place(y):.1f}"
                run.append(place)
                if series.dots:
                    at = place.split(",")
                    title = series.titles[k] if series.titles else f"{x:.6g}, {y:.6g}"
                    yield (f'<circle cx="{at[0]}" cy="{at[1]}" r="3" fill="{colour}"><title>{escape(title)}</title>'
                           "</circle>")
                if not series.line:
                    run = []
            yield from _polyline(run, colour)

    def _legend(self) -> str:
        named = [(series.name, series.colour or COLOURS[k % len(COLOURS)]) for k, series in enumerate(self.series)
                 if series.name]
        words = "".join(f'<span style="background:{colour}"></span>{escape(name)}' for name, colour in named)
        return f'<p class="key">{words}</p>' if len(named) > 1 else ""


def _polyline(run: list[str], colour: str) -> Iterable[str]:
    if len(run) > 1:
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{" ".join(run)}"/>'


class _Axis:
    """From values to pixels, with some room at both ends."""

    def __init__(self, low: float, high: float, begin: float, end: float, logarithmic: bool) -> None:
        self.logarithmic = logarithmic
        first, last = self._linear(low), self._linear(high)
        room = 0.05 * (last - first) or 0.05 * abs(first) or 0.5
        self.first, self.last = first - room, last + room
        self.low, self.high = low, high
        self.begin, self.end = begin, end

    def _linear(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value

    def place(self, value: float) -> float:
        return self.begin + (self.end - self.begin) * (self._linear(value) - self.first) / (self.last - self.first)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        if self.logarithmic and self.last - self.first >= 1.5:
            powers = range(math.ceil(self.first), math.floor(self.last) + 1)
            step = max(1, -(-len(powers) // most))
            return [(10.0 ** power, f"{10.0 ** power:g}") for power in powers[::step]]
        first, last = (10 ** self.first, 10 ** self.last) if self.logarithmic else (self.first, self.last)
        raw = (last - first) / most
        scale = 10.0 ** math.floor(math.log10(raw))
        width = next(scale * factor for factor in (1, 2, 5, 10) if scale * factor >= raw)
        digits = max(0, -math.floor(math.log10(width)))
        count = range(math.ceil(first / width), math.floor(last / width) + 1)
        return [(k * width, _number(k * width, digits)) for k in count if k * width > 0 or not self.logarithmic]


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if digits <= 6 and abs(value) < 1e7 else f"{value:g}"
