"""Pictures show the values that they are given, accept what lessons have at hand, and are drawn
once.
"""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from strategies import examples

from dlkit import plots


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def drawn(figure: Figure) -> list[np.ndarray]:
    return [
        np.asarray(cell.images[0].get_array()) for cell in figure.axes if cell.images
    ]


def rows_and_columns(figure: Figure) -> tuple[int, int]:
    return figure.axes[0].get_gridspec().get_geometry()


# show_images


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 1, 4, 6), (5, 3, 4, 6)])
def test_images_are_drawn_in_order_with_their_values(shape):
    images = np.random.default_rng(0).random(shape)
    pictures = drawn(plots.show_images(images))
    expected = images if len(shape) == 3 else images.transpose(0, 2, 3, 1).squeeze()
    np.testing.assert_array_equal(pictures, expected)


def test_a_list_may_mix_sizes_and_colour():
    pictures = drawn(
        plots.show_images([np.zeros((4, 6)), np.zeros((1, 8, 8)), np.zeros((3, 2, 5))])
    )
    assert [picture.shape for picture in pictures] == [(4, 6), (8, 8), (2, 5, 3)]


@given(count=st.integers(1, 6), columns=st.integers(1, 3))
@settings(max_examples=examples(4))  # a figure takes a twentieth of a second
def test_the_grid_is_as_small_as_it_can_be(count, columns):
    figure = plots.show_images(np.zeros((count, 2, 2)), columns=columns)
    rows, across = rows_and_columns(figure)
    assert (
        across == min(count, columns) and (rows - 1) * across < count <= rows * across
    )
    plt.close(figure)


def test_scale_is_the_width_of_an_image_in_inches():
    figure = plots.show_images(np.zeros((4, 10, 20)), columns=2, scale=3)
    # Two across, two rows half as high as wide.
    assert tuple(figure.get_size_inches()) == (
        6,
        3,
    )


def test_limits_titles_and_colours_are_used():
    figure = plots.show_images(
        [np.eye(2)], titles=["one"], vmin=-2, vmax=3, cmap="viridis"
    )
    cell = figure.axes[0]
    assert cell.get_title() == "one"
    assert (
        cell.images[0].get_clim() == (-2, 3)
        and cell.images[0].get_cmap().name == "viridis"
    )


def test_colour_outside_the_range_is_clipped(recwarn):
    picture = drawn(plots.show_images(np.full((1, 3, 2, 2), 1.5)))[0]
    assert picture.max() == 1 and not recwarn.list


@pytest.mark.parametrize(
    ("images", "titles", "message"),
    [
        (np.zeros((4, 4)), None, r"pass a single image as \[image\]"),
        ([np.zeros((2, 4, 4))], None, r"one has \(2, 4, 4\)"),
        ([], None, "nothing to show"),
        (np.zeros((3, 2, 2)), ["a"], "1 titles for 3 images"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(images, titles, message):
    with pytest.raises(ValueError, match=message) as error:
        plots.show_images(images, titles)
    assert "\n" not in str(error.value) and str(error.value).startswith("show_images: ")


# show_kernels


def test_kernels_are_coloured_about_zero_each_in_its_own_range():
    figure = plots.show_kernels(
        [np.array([[1.0, -3.0]]), np.full((2, 2), 0.25), np.zeros((2, 2))]
    )
    assert [cell.images[0].get_clim() for cell in figure.axes] == [
        (-3, 3),
        (-0.25, 0.25),
        (-1, 1),
    ]


def test_small_kernels_have_their_values_written_where_they_are():
    kernel = np.array([[1, -2.5, 0], [1 / 9, -0.001, 100]])
    cell = plots.show_kernels(kernel[None]).axes[0]
    written = {text.get_position()[::-1]: text.get_text() for text in cell.texts}
    assert written == {
        (0, 0): "1",
        (0, 1): "−2.5",
        (0, 2): "0",
        (1, 0): "0.11",
        (1, 1): "0",
        (1, 2): "100",
    }


def test_large_kernels_have_none():
    assert not plots.show_kernels(np.ones((2, 1, 11, 11))).axes[0].texts


def test_kernels_of_several_channels_are_refused():
    with pytest.raises(ValueError, match="one input channel at a time"):
        plots.show_kernels(np.zeros((1, 3, 5, 5)))


# plot_runs


def test_a_run_is_its_mean_and_a_band_from_least_to_most():
    runs = np.array([[3.0, 1.0, 2.0], [5.0, 2.0, 0.0]])
    ax = plots.plot_runs({"ours": runs}, x=[10, 20, 40], xlabel="step", ylabel="loss")
    line, band = ax.lines[0], ax.collections[0]
    np.testing.assert_array_equal(line.get_xydata(), [[10, 4], [20, 1.5], [40, 1]])
    outline = {tuple(point) for point in band.get_paths()[0].vertices}
    assert outline == {(10, 3), (10, 5), (20, 1), (20, 2), (40, 0), (40, 2)}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss")
    assert [text.get_text() for text in ax.get_legend().texts] == ["ours"]


def test_a_single_seed_has_a_line_and_no_band():
    ax = plots.plot_runs({"one": [1.0, 2.0]})
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 1], [2, 2]])
    assert not ax.collections


def test_runs_are_drawn_on_the_axes_that_are_given():
    figure, ax = plt.subplots()
    assert plots.plot_runs({"a": [1, 2], "b": [2, 1]}, ax=ax) is ax
    assert len(ax.lines) == 2 and plt.get_fignums() == [figure.number]
    assert ax.lines[0].get_color() != ax.lines[1].get_color()


def test_runs_that_do_not_fit_x_are_refused():
    with pytest.raises(
        ValueError, match=r"'a' must be \(num_seeds, 2\) like x; it is \(1, 3\)"
    ):
        plots.plot_runs({"a": [1, 2, 3]}, x=[1, 2])


# plot_front

POINTS = {
    "dear": (4000, 0.9, 0.01),
    "beaten": (3000, 0.6, 0.02),
    "cheap": (100, 0.7, 0.03),
}


def test_a_front_climbs_in_steps_from_the_cheapest_point_to_the_dearest():
    ax = plots.plot_front(POINTS, ["dear", "cheap"], marker="s", line=":", label="ours")
    (front,) = [line for line in ax.lines if line.get_label() == "ours"]
    np.testing.assert_array_equal(front.get_xydata(), [[100, 0.7], [4000, 0.9]])
    assert (front.get_drawstyle(), front.get_linestyle(), front.get_marker()) == (
        "steps-post",
        ":",
        "s",
    )
    assert ax.get_xscale() == "log"


def test_every_point_stands_at_its_cost_with_its_interval_and_its_name():
    ax = plots.plot_front(POINTS, [])
    bars = [
        bar.get_segments()[0] for container in ax.containers for bar in container[2]
    ]
    np.testing.assert_allclose(
        bars, [[(x, y - half), (x, y + half)] for x, y, half in POINTS.values()]
    )
    assert [text.get_text() for text in ax.texts] == list(POINTS)
    again = plots.plot_front(POINTS, [], names=False, ax=ax)
    assert again is ax and len(ax.texts) == 3
    assert (
        ax.containers[0][0].get_color()
        == ax.containers[3][0].get_color()
        != ax.containers[1][0].get_color()
    )


def test_costs_are_written_out():
    ax = plots.plot_front(POINTS, [])
    ax.figure.canvas.draw()
    assert {"200", "1,000"} <= {label.get_text() for label in ax.get_xticklabels()}


def test_a_front_of_points_that_there_are_not_is_refused():
    with pytest.raises(
        ValueError,
        match="plot_front: 'free' is on the front, but is not among the points",
    ):
        plots.plot_front(POINTS, ["cheap", "free"])
