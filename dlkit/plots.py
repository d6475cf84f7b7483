"""Pictures for the lessons. Functions return the Figure or the Axes and leave showing it to the
notebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST_WITH_VALUES = (
    7  # a kernel of at most 7 x 7 leaves room for a number in every cell
)


def show_images(
    images: Any,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    scale: float = 1.3,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str = "gray",
) -> Figure:
    """Draw images in a grid, row by row.

    images: a list of images or one array of them, (N, H, W), (N, 1, H, W) or (N, 3, H, W); NumPy,
        PyTorch or MXNet. Each image of a list may have its own size. Colour images hold values in
        [0, 1]; what lies outside is clipped.
    titles: one string an image, drawn above it
    columns: images in a row
    scale: width of one image in inches
    vmin, vmax: the values drawn black and white (or at the ends of `cmap`); None means the extremes
    of each grey image

    Raises ValueError for anything that is not a list of such images.
    """
    pictures = [_picture(image, "show_images") for image in _sequence(images)]
    figure, cells = _grid(pictures, titles, columns, scale, "show_images")
    for cell, picture in zip(cells, pictures, strict=True):
        cell.imshow(picture, cmap=cmap, vmin=vmin, vmax=vmax, interpolation="nearest")
    return figure


def show_kernels(
    kernels: Any, titles: Sequence[str] | None = None, columns: int = 8
) -> Figure:
    """Draw kernels in a grid: red is positive, blue negative, white zero. Each kernel has its own
    range, symmetric about 0.

    kernels: a list of kernels or one array of them, (N, h, w) or (N, 1, h, w); NumPy, PyTorch or
        MXNet. Kernels of at most 7 x 7 have their values written in the cells.
    titles: one string a kernel
    columns: kernels in a row

    Raises ValueError for anything that is not a list of such kernels.
    """
    pictures = [_picture(kernel, "show_kernels") for kernel in _sequence(kernels)]
    if any(picture.ndim == 3 for picture in pictures):
        raise ValueError(
            "show_kernels: a kernel must have shape (h, w) or (1, h, w); "
            "pass one input channel at a time."
        )
    widest = max((max(picture.shape) for picture in pictures), default=0)
    scale = 0.42 * widest if widest <= LARGEST_WITH_VALUES else 1.3
    figure, cells = _grid(pictures, titles, columns, max(scale, 1.3), "show_kernels")
    for cell, picture in zip(cells, pictures, strict=True):
        limit = float(np.abs(picture).max()) or 1.0
        cell.imshow(
            picture, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest"
        )
        if max(picture.shape) <= LARGEST_WITH_VALUES:
            _write_values(cell, picture, limit)
    return figure


def plot_runs(
    runs: Mapping[str, Any],
    x: Any = None,
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Plot what several seeds gave: a line through the mean and a band from the smallest value to
    the largest.

    runs: label -> (num_seeds, num_points), or (num_points,) for a single seed
    x: (num_points,), the same for all runs; None counts 1, 2, 3, ... as epochs do
    ax: where to draw; None makes a new figure

    Raises ValueError when a run is not such an array, or `x` has another length.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.subplots(figsize=(5, 3.2), layout="constrained")[1]
    for label, values in runs.items():
        values = np.atleast_2d(_numpy(values))
        points = np.arange(1, values.shape[-1] + 1) if x is None else _numpy(x)
        if values.ndim != 2 or values.shape[1:] != points.shape:
            raise ValueError(
                f"plot_runs: {label!r} must be (num_seeds, "
                f"{points.size}) like x; it is {values.shape}."
            )
        marker = "o" if points.size <= 15 else None
        (line,) = ax.plot(
            points,
            values.mean(axis=0),
            marker=marker,
            markersize=3.5,
            linewidth=1.6,
            label=label,
        )
        if len(values) > 1:
            ax.fill_between(
                points,
                values.min(axis=0),
                values.max(axis=0),
                color=line.get_color(),
                alpha=0.18,
                linewidth=0,
            )
    if x is None:
        ax.locator_params(axis="x", integer=True)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, linewidth=0.6)
    if runs:
        ax.legend(frameon=False)
    return ax


def plot_front(
    points: Mapping[str, tuple[float, float, float]],
    front: Sequence[str],
    marker: str = "o",
    line: str = "-",
    label: str | None = None,
    names: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Plot accuracy against cost, the cost on a logarithmic axis, and a stepped line through the
    points on a front.

    points: name -> (cost, accuracy, half of the accuracy's interval), coloured in this order
    front: the names on the front, in any order
    marker, line: of the points and of the front, as matplotlib calls them
    label: of the front, for a legend
    names: whether to write them beside the points
    ax: where to draw; None makes a new figure

    Raises ValueError when a name on the front is not among the points.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    unknown = [name for name in front if name not in points]
    if unknown:
        raise ValueError(
            f"plot_front: {unknown[0]!r} is on the front, but is not among the points."
        )
    if ax is None:
        ax = plt.subplots(figsize=(6, 4.4), layout="constrained")[1]
    for i, (name, (cost, accuracy, half)) in enumerate(points.items()):
        ax.errorbar(
            cost,
            accuracy,
            half,
            fmt=marker,
            color=f"C{i}",
            markersize=6,
            capsize=3,
            elinewidth=0.8,
        )
        if names:
            ax.annotate(
                name,
                (cost, accuracy),
                (6, -11),
                textcoords="offset points",
                fontsize=9,
                color=f"C{i}",
            )
    steps = np.array(sorted(points[name][:2] for name in front)).reshape(-1, 2)
    ax.step(
        *steps.T,
        where="post",
        linestyle=line,
        marker=marker,
        color="0.5",
        linewidth=1,
        label=label,
        zorder=0,
    )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _numpy(values: Any) -> np.ndarray:
    """An array of either framework as NumPy, away from any graph or device."""
    if hasattr(values, "asnumpy"):
        return values.asnumpy()
    if hasattr(values, "detach"):
        return values.detach().cpu().numpy()
    return np.asarray(values)


def _sequence(images: Any) -> list[Any]:
    return list(images) if isinstance(images, (list, tuple)) else list(_numpy(images))


def _picture(image: Any, caller: str) -> np.ndarray:
    """(H, W), (1, H, W) or (3, H, W) as what imshow takes: (H, W) or (H, W, 3)."""
    image = _numpy(image)
    if image.ndim == 2:
        return image.astype(float)
    if image.ndim == 3 and image.shape[0] == 1:
        return image[0].astype(float)
    if image.ndim == 3 and image.shape[0] == 3:
        return image.transpose(1, 2, 0).astype(float).clip(0, 1)
    raise ValueError(
        f"{caller}: each image must have shape (H, W), (1, H, W) or (3, H, W), and one has "
        f"{image.shape}; pass a single image as [image]."
    )


def _grid(
    pictures: list[np.ndarray],
    titles: Sequence[str] | None,
    columns: int,
    scale: float,
    caller: str,
) -> tuple[Figure, list[Axes]]:
    """A figure with one bare, titled cell a picture."""
    import matplotlib.pyplot as plt
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if not pictures:
        raise ValueError(f"{caller}: there is nothing to show.")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"{caller}: {len(titles)} titles for {len(pictures)} images.")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    lines = 0 if titles is None else max(title.count("\n") + 1 for title in titles)
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    size = (columns * scale, rows * (scale * tallest + 0.2 * lines))
    figure, axes = plt.subplots(
        rows, columns, squeeze=False, layout=layout, figsize=size
    )
    for cell in axes.flat:
        cell.set_axis_off()
    cells = list(axes.flat[: len(pictures)])
    for cell, title in zip(cells, titles or [], strict=False):
        cell.set_title(title, fontsize=9, pad=3)
    _show_once(figure)
    return figure, cells


def _show_once(figure: Figure) -> None:
    """Keep a notebook from drawing `figure` twice.

    The inline backend draws all open figures at the end of a cell, and the notebook draws the value
    of its last line: a function that returns its figure is drawn by both. The first to draw
    therefore closes it.
    """
    import matplotlib
    import matplotlib.pyplot as plt

    if "inline" not in matplotlib.get_backend():
        return

    def draw() -> None:
        from IPython.display import display

        del figure._ipython_display_  # type: ignore[attr-defined]
        display(figure)
        plt.close(figure)

    figure._ipython_display_ = draw  # type: ignore[attr-defined]  # IPython asks any object for it


def _write_values(cell: Axes, kernel: np.ndarray, limit: float) -> None:
    for (row, column), value in np.ndenumerate(kernel):
        colour = "white" if abs(value) > 0.6 * limit else "black"
        # Adding 0 turns -0.0 into 0.0.
        text = f"{round(value, 2) + 0.0:g}".replace("-", "−")
        cell.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
