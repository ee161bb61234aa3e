"""Curves of two trainings as one SVG picture, drawn with the page's own colours so that it suits light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .lesson import Curves

WIDTH, HEIGHT = 320, 170
LEFT, RIGHT, TOP, BOTTOM = 38, 10, 26, 26


def render_curves(now: Curves, before: Curves | None, seconds: float) -> str:
    """Loss and accuracy over the seconds of training; those of the run before are dashed."""
    runs = [run for run in (before, now) if run is not None and run.seconds]
    losses = [loss for run in runs for loss in run.losses]
    panels = (
        _panel("Loss", [(run.seconds, run.losses) for run in runs], seconds, max(losses, default=1.0), "{:.2g}"),
        _panel(
            "Validation accuracy",
            [(run.seconds, [100 * share for share in run.accuracy]) for run in runs],
            seconds,
            100.0,
            "{:.0f} %",
        ),
    )
    return f'<div class="curves">{"".join(panels)}</div>'


def render_summary(now: Curves, before: Curves | None, *, running: bool) -> str:
    """The state of a run in words; the same for who cannot see the curves."""
    if not now.seconds:
        return '<p class="summary" role="status">Preparing …</p>'
    sentence = (
        f"{'Training' if running else 'Stopped'}: {escape(now.title)}. {now.accuracy[-1]:.1%} of the validation images "
        f"are right after {now.seconds[-1]:.0f} s and {now.images:,} images; loss {now.losses[-1]:.3f}."
    )
    if before is not None and before.seconds:
        sentence += f" The run before, dashed, {escape(before.title)}: {before.accuracy[-1]:.1%}."
    return f'<p class="summary" {"" if running else "role=status"}>{sentence.replace("%", " %")}</p>'


def _panel(
    title: str, lines: Sequence[tuple[Sequence[float], Sequence[float]]], seconds: float, most: float, form: str
) -> str:
    def point(moment: float, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * moment / seconds
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(value / (most or 1.0), 1.0))
        return f"{x:.1f},{y:.1f}"

    drawn = "".join(
        f'<polyline class="{"now" if index == len(lines) - 1 else "before"}" points="'
        f'{" ".join(point(x, y) for x, y in zip(moments, values, strict=True))}"/>'
        for index, (moments, values) in enumerate(lines)
    )
    ticks = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{form.format(share * most)}</text>'
        for share in (0.0, 0.5, 1.0)
        if (y := TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)) is not None
    )
    times = "".join(
        f'<text x="{LEFT + (WIDTH - LEFT - RIGHT) * share:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">'
        f"{share * seconds:.0f} s</text>"
        for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title} over time">'
        f'<text class="title" x="{LEFT}" y="14">{title}</text>{ticks}{times}{drawn}</svg>'
    )
