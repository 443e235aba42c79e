"""The page that `lmlink report` writes: one HTML file with its style, its pictures and its script in it, which asks no
network for anything."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Iterable, Sequence

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #e4e7eb; --muted: #5b6470; --card: #f7f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #14171a; --faint: #30363d; --muted: #9aa4af; --card: #1c2126; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; max-width: 1180px;
  padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; border-bottom: 1px solid var(--faint); }
.sub { color: var(--muted); margin: .2rem 0 1rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--card); border-radius: 8px; padding: .7rem; }
figcaption { font-weight: 600; margin-bottom: .2rem; } svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg text.tick { fill: var(--muted); font-size: 11px; }
svg .grid { stroke: var(--faint); } svg .mark { stroke: var(--muted); stroke-dasharray: 4 3; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .8rem .25rem 0;
  border-bottom: 1px solid var(--faint); vertical-align: top; } th { font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { background: var(--card); border-left: 4px solid #0057b8; padding: .6rem .9rem; border-radius: 4px; }
.warning { border-left-color: #c8553d; } .scroll { overflow-x: auto; }
canvas { width: 100%; height: 420px; touch-action: none; cursor: grab; display: block; }
.key { margin: 0 0 .3rem; color: var(--muted); font-size: .85rem; } .key span { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin: 0 .35em 0 .9em; }
.key > span:first-child, .key > a:first-child span { margin-left: 0; }
"""

# Draws the atoms, nearest last; dragging turns them, the wheel zooms, a click on a word of the key hides those atoms.
SCRIPT = """
for (const canvas of document.querySelectorAll('canvas[data-atoms]')) {
  const data = JSON.parse(canvas.dataset.atoms), hidden = new Set(), context = canvas.getContext('2d');
  let turn = [1, 0, 0, 0, 1, 0, 0, 0, 1], zoom = 1, last = null;
  const times = (a, b) => a.map((_, k) => [0, 1, 2].reduce((s, m) => s + a[3 * Math.floor(k / 3) + m] * b[3 * m + k % 3], 0));
  const rotate = (dx, dy) => {
    const [c, s, C, S] = [Math.cos(dx), Math.sin(dx), Math.cos(dy), Math.sin(dy)];
    turn = times(times([1, 0, 0, 0, C, -S, 0, S, C], [c, 0, s, 0, 1, 0, -s, 0, c]), turn);
  };
  const draw = () => {
    const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
    canvas.width = w * ratio; canvas.height = h * ratio; context.setTransform(ratio, 0, 0, ratio, w * ratio / 2, h * ratio / 2);
    const scale = zoom * 0.47 * Math.min(w, h) / data.radius;
    const seen = data.atoms.filter(a => !hidden.has(a[3])).map(a => [
      turn[0] * a[0] + turn[1] * a[1] + turn[2] * a[2], turn[3] * a[0] + turn[4] * a[1] + turn[5] * a[2],
      turn[6] * a[0] + turn[7] * a[1] + turn[8] * a[2], a[3]]).sort((a, b) => a[2] - b[2]);
    context.clearRect(-w, -h, 2 * w, 2 * h);
    for (const [x, y, z, kind] of seen) {
      context.globalAlpha = 0.55 + 0.45 * Math.min(1, Math.max(0, 0.5 + z / (2 * data.radius)));
      context.beginPath(); context.arc(scale * x, -scale * y, scale * data.sizes[kind], 0, 7);
      context.fillStyle = data.colours[kind]; context.fill();
      context.globalAlpha = 0.35; context.strokeStyle = '#000'; context.lineWidth = 0.6; context.stroke();
    }
    canvas.dataset.drawn = seen.length;
  };
  canvas.addEventListener('pointerdown', e => { last = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener('pointerup', () => { last = null; });
  canvas.addEventListener('pointermove', e => {
    if (!last) return;
    rotate((e.clientX - last[0]) / 120, (e.clientY - last[1]) / 120); last = [e.clientX, e.clientY]; draw();
  });
  canvas.addEventListener('wheel', e => { e.preventDefault(); zoom *= Math.exp(-e.deltaY / 600); draw(); }, {passive: false});
  for (const word of canvas.parentElement.querySelectorAll('[data-kind]'))
    word.addEventListener('click', () => {
      const kind = Number(word.dataset.kind);
      hidden.has(kind) ? hidden.delete(kind) : hidden.add(kind);
      word.style.opacity = hidden.has(kind) ? 0.35 : 1; draw();
    });
  window.addEventListener('resize', draw);
  rotate(0.5, 0.3); draw();
}
"""
COLOURS = {"QM": "#c8553d", "blend": "#e9a23b", "buffer": "#0057b8", "MM": "#b7bcc4"}
SIZES = {"QM": 1.15, "blend": 0.9, "buffer": 0.55, "MM": 0.3}  # Å: what matters is not hidden


def page(title: str, subtitle: str, sections: Iterable[str]) -> str:
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
            f"<style>{STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n"
            f'<p class="sub">{escape(subtitle)}</p>\n{"".join(sections)}<script>{SCRIPT}</script></body></html>\n')


def section(title: str, *parts: str) -> str:
    """Nothing where there is nothing to show."""
    body = "".join(parts)
    title = title[:1].upper() + title[1:] if ": " not in title else title
    return f"<section><h2>{escape(title)}</h2>\n{body}</section>\n" if body else ""


def charts(svgs: Iterable[str]) -> str:
    shown = "".join(svgs)
    return f'<div class="charts">{shown}</div>' if shown else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns after the first that hold numbers are set to the right."""
    def is_number(text: str) -> bool:
        return text.replace(".", "").replace("-", "").replace("e", "").replace("+", "").isdigit() or text in ("", "–")

    right = [k > 0 and all(is_number(row[k]) for row in rows) for k in range(len(head))]

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(f'<{tag}{" class=number" if right[k] else ""}>{escape(text)}</{tag}>' for k, text in enumerate(row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    top = f"<tr>{cells(head, 'th')}</tr>" if any(head) else ""
    return f'<div class="scroll"><table>{top}{body}</table></div>' if rows else ""


def verdict(text: str, warning: bool = False) -> str:
    return f'<p class="verdict{" warning" if warning else ""}">{escape(text)}</p>' if text else ""


def atoms_picture(caption: str, atoms: Sequence[tuple[float, float, float, str]], radius: float) -> str:
    """Atoms as (x, y, z, label), Å from the middle, in a canvas that can be turned."""
    kinds = [kind for kind in COLOURS if any(atom[3] == kind for atom in atoms)]
    data: dict[str, Any] = {
        "radius": round(radius, 3), "colours": [COLOURS[kind] for kind in kinds], "sizes": [SIZES[kind] for kind in kinds],
        "atoms": [[round(x, 3), round(y, 3), round(z, 3), kinds.index(kind)] for x, y, z, kind in atoms]}
    key = "".join(f'<a data-kind="{k}"><span style="background:{COLOURS[kind]}"></span>{kind} '
                  f"({sum(atom[3] == kind for atom in atoms)})</a>" for k, kind in enumerate(kinds))
    return (f"<figure><figcaption>{escape(caption)}</figcaption><canvas data-atoms='{json.dumps(data)}'></canvas>"
            f'<p class="key">{key} – drag to turn, wheel to zoom, click on a word to hide its atoms</p></figure>')
