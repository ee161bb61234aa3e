"""One look for every figure of the course, light and dark.

    def plot(figure: Figure, ink: Ink) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=ink.blue)

    draw(Path("docs/course/day1/images"), "line", plot, size=(6, 4))

writes line.svg and line-dark.svg. Backgrounds are transparent, text is drawn as paths and no date is written, so the
same code and the same numbers give the same file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Ink:
    """The colours of one scheme: those of Okabe and Ito (2008), safe for colour-blind readers.

    text, muted, faint   for words and axes, secondary lines, grids
    paper                what the page behind the figure is about
    blue … sky           for data; lightened a little in the dark
    """

    text: str
    muted: str
    faint: str
    paper: str
    blue: str
    orange: str
    green: str
    pink: str
    yellow: str
    sky: str

    @property
    def cycle(self) -> tuple[str, ...]:
        """Colours for the classes or lines of a figure, in order; beyond six, change the dashes or markers too."""
        return self.blue, self.orange, self.green, self.pink, self.yellow, self.sky

    @property
    def grey(self) -> Colormap:
        """0 is paper, 1 is text: for pixels and feature maps."""
        return LinearSegmentedColormap.from_list("grey", [self.paper, self.text])

    @property
    def signed(self) -> Colormap:
        """Orange is negative, paper is zero, blue is positive: for weights. Give symmetric vmin and vmax."""
        return LinearSegmentedColormap.from_list("signed", [self.orange, self.paper, self.blue])

    @property
    def heat(self) -> Colormap:
        """Paper is low, blue is high: for surfaces behind lines."""
        return LinearSegmentedColormap.from_list("heat", [self.paper, self.blue])


LIGHT = Ink(
    text="#1f2328",
    muted="#6e7781",
    faint="#d8dee4",
    paper="#ffffff",
    blue="#0072B2",
    orange="#D55E00",
    green="#009E73",
    pink="#CC79A7",
    yellow="#E69F00",
    sky="#56B4E9",
)
DARK = Ink(
    text="#e6edf3",
    muted="#9198a1",
    faint="#373e47",
    paper="#0d1117",
    blue="#3B9FE0",
    orange="#F0803C",
    green="#2FC598",
    pink="#E39BC4",
    yellow="#F2B632",
    sky="#A5DCFF",
)
SCHEMES = {"": LIGHT, "-dark": DARK}
"""What is added to a figure's name → its colours."""

Plot = Callable[[Figure, Ink], None]


def draw(folder: Path, name: str, plot: Plot, size: tuple[float, float] = (8.0, 4.0)) -> list[Path]:
    """Draw a figure once for light pages and once for dark ones; the two files, NAME.svg and NAME-dark.svg.

    plot   draws on an empty figure in the colours it is given
    size   width and height in inches; text is 10 points, so about 8 inches fill the column of a page
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for suffix, ink in SCHEMES.items():
        path = folder / f"{name}{suffix}.svg"
        with mpl.rc_context(settings(ink)):
            figure = Figure(figsize=size, layout="constrained")
            plot(figure, ink)
            figure.savefig(path, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        path.write_text("\n".join(line.rstrip() for line in path.read_text("utf-8").splitlines()) + "\n", "utf-8")
        paths.append(path)
    return paths


def settings(ink: Ink) -> dict[str, object]:
    """Matplotlib's settings for a scheme."""
    return {
        "svg.fonttype": "path",
        "svg.hashsalt": "thumbnet",
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titlepad": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": mpl.cycler(color=ink.cycle),
        "grid.color": ink.faint,
        "grid.linewidth": 0.7,
        "lines.linewidth": 2.0,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "text.color": ink.text,
        "axes.labelcolor": ink.text,
        "axes.titlecolor": ink.text,
        "axes.edgecolor": ink.muted,
        "xtick.color": ink.muted,
        "ytick.color": ink.muted,
        "xtick.labelcolor": ink.text,
        "ytick.labelcolor": ink.text,
        "hatch.color": ink.faint,
    }


def picture(
    axes: Axes, values: object, colours: Colormap, vmin: float, vmax: float, title: str = "", frame: str = ""
) -> None:
    """Show a matrix as sharp squares, without ticks; `frame` is the colour of a thin frame, if there is to be one."""
    axes.imshow(values, cmap=colours, vmin=vmin, vmax=vmax, interpolation="none")
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=bool(frame), color=frame or "none", linewidth=0.6)
    if title:
        axes.set_title(title)


def draw_all(folder: Path, figures: dict[str, tuple[Plot, tuple[float, float]]]) -> None:
    """Draw the figures of a day, or only those named on the command line; prints every file."""
    wanted = sys.argv[1:] or list(figures)
    if unknown := sorted(set(wanted) - set(figures)):
        sys.exit(f"unknown figure {', '.join(unknown)}; known: {', '.join(figures)}")
    for name in wanted:
        plot, size = figures[name]
        for path in draw(folder, name, plot, size):
            print(path)
