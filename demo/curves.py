"""How a training goes, in figures and as curves beside those of the run before; SVG in the page's own colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from .lesson import Curves

WIDTH, HEIGHT = 320, 170
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 28, 24
SPANS = (5, 10, 20, 30, 60)
"""Seconds that the time axis may show: the shortest that holds both runs."""

STYLE = """
.summary { margin: 0 0 0.75rem; font-size: 1.0625rem; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: 0.75rem;
  margin: 0 0 0.75rem; }
.figures > div { padding: 0.625rem 0.875rem; background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: var(--block-radius); }
.figures dt { font-size: 0.8125rem; color: var(--body-text-color-subdued); }
.figures dd { margin: 0; font-size: 1.375rem; line-height: 1.3; font-weight: 650; font-variant-numeric: tabular-nums; }
.figures dd + dd { font-size: 0.8125rem; font-weight: 400; color: var(--body-text-color-subdued); }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 0.75rem; }
.curves svg, .runs svg { display: block; }
.curves svg { width: 100%; height: auto; background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: var(--block-radius); }
.curves text { font: 10px var(--font); fill: var(--body-text-color-subdued); }
.curves .title { font-size: 12px; font-weight: 600; fill: var(--body-text-color); }
.curves .axis { stroke: var(--border-color-primary); }
.now, .before { fill: none; stroke: var(--color-accent); stroke-width: 2; stroke-linejoin: round; }
.before { stroke: var(--body-text-color-subdued); stroke-width: 1.5; stroke-dasharray: 4 3; }
.curves circle { fill: var(--color-accent); }
.runs { list-style: none; margin: 0.625rem 0 0; padding: 0; font-size: 0.8125rem; }
.runs li { margin: 0.25rem 0 0; display: flex; align-items: center; gap: 0.5rem; }
.runs svg { flex: none; width: 1.75rem; height: 0.5rem; }
"""


def render_summary(now: Curves, before: Curves | None, *, running: bool) -> str:
    """The state of a run in words, announced when it has ended, and in figures beside those of the run before."""
    state = "Training for" if running else "Ended after"
    sentence = f"{state} {now.seconds[-1]:.0f} s: {percent(now)} of the validation images are right."
    if before is not None:
        sentence += f" The run before: {percent(before)}."
    figures: tuple[tuple[str, Callable[[Curves], str]], ...] = (
        ("Right", percent),
        ("Loss", lambda run: f"{run.losses[-1]:.3f}"),
        ("Images seen", lambda run: f"{run.images:,}"),
        ("Seconds", lambda run: f"{run.seconds[-1]:.0f}"),
    )
    tiles = "".join(
        f"<div><dt>{name}</dt><dd>{form(now)}</dd>{f'<dd>before: {form(before)}</dd>' if before else ''}</div>"
        for name, form in figures
    )
    return f'<p class="summary" {"" if running else "role=status"}>{sentence}</p><dl class="figures">{tiles}</dl>'


def render_curves(now: Curves, before: Curves | None) -> str:
    """Loss and accuracy over the seconds of training; those of the run before are dashed."""
    runs = [("now", now)] if before is None else [("before", before), ("now", now)]
    span = next((each for each in SPANS if each >= max(run.seconds[-1] for _, run in runs)), SPANS[-1])
    most = max(loss for _, run in runs for loss in run.losses)
    losses = [(kind, run.seconds, run.losses) for kind, run in runs]
    accuracy = [(kind, run.seconds, [100 * share for share in run.accuracy]) for kind, run in runs]
    keys = "".join(
        f'<li><svg viewBox="0 0 28 8" aria-hidden="true"><line class="{kind}" x1="0" x2="28" y1="4" y2="4"/></svg>'
        f"{'This run' if kind == 'now' else 'The run before'}: {escape(run.title)}</li>"
        for kind, run in reversed(runs)
    )
    return (
        f'<div class="curves">{_panel("Loss", losses, span, most, "{:.2g}")}'
        f"{_panel('Validation images that are right', accuracy, span, 100.0, '{:.0f} %')}</div>"
        f'<ul class="runs">{keys}</ul>'
    )


def percent(run: Curves) -> str:
    """The last accuracy of a run."""
    return f"{100 * run.accuracy[-1]:.1f}\u00a0%"


def _panel(
    title: str, lines: Sequence[tuple[str, Sequence[float], Sequence[float]]], span: float, most: float, form: str
) -> str:
    """One picture of lines: the class, the moments and the values of each, the last one being drawn on top."""

    def point(moment: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * min(moment / span, 1.0)
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(value / (most or 1.0), 1.0))
        return round(x, 1), round(y, 1)

    drawn = "".join(
        f'<polyline class="{kind}" points="{" ".join(f"{x},{y}" for x, y in map(point, moments, values))}"/>'
        for kind, moments, values in lines
    )
    _, moments, values = lines[-1]
    x, y = point(moments[-1], values[-1])
    levels = "".join(
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height}" y2="{height}"/>'
        f'<text x="{LEFT - 6}" y="{height + 3.5}" text-anchor="end">{form.format(share * most)}</text>'
        for share in (0.0, 0.5, 1.0)
        for _, height in (point(0.0, share * most),)
    )
    times = "".join(
        f'<text x="{point(share * span, 0.0)[0]}" y="{HEIGHT - 8}" text-anchor="{anchor}">{share * span:g} s</text>'
        for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    )
    told = f"{title} over time: from {form.format(values[0])} to {form.format(values[-1])}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{told}">'
        f'<text class="title" x="{LEFT}" y="16">{title}</text>{levels}{times}{drawn}'
        f'<circle cx="{x}" cy="{y}" r="3"/></svg>'
    )
