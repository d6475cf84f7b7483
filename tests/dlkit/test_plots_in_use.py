"""Arrays of PyTorch and MXNet are drawn as NumPy's are, and a notebook draws a figure once."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from dlkit import plots


def drawn(figure: Figure) -> list[np.ndarray]:
    return [
        np.asarray(cell.images[0].get_array()) for cell in figure.axes if cell.images
    ]


def test_tensors_of_torch_are_drawn_even_with_a_gradient():
    torch = pytest.importorskip("torch")
    image = torch.rand(1, 1, 3, 3, requires_grad=True)
    np.testing.assert_array_equal(
        drawn(plots.show_images(image))[0], image[0, 0].detach().numpy().astype(float)
    )


def test_arrays_of_mxnet_are_drawn():
    mx = pytest.importorskip("dlkit.mx")
    if not mx.available():
        pytest.skip("MXNet is not installed")
    np.testing.assert_array_equal(
        drawn(plots.show_images(mx.nd.ones((2, 1, 3, 3))))[1], np.ones((3, 3))
    )
    np.testing.assert_array_equal(
        drawn(plots.show_kernels([mx.nd.ones((3, 3))]))[0], np.ones((3, 3))
    )


def test_a_notebook_draws_a_figure_once():
    import nbformat
    from nbclient import NotebookClient

    cells = [
        "import numpy as np\nfrom dlkit import plots\nX = np.eye(3)",
        "plots.show_images([X])",
        "if True:\n    plots.show_images([X])",
        "figure = plots.show_kernels([X])",
        "figure",
        "plots.show_images([X])\nplots.show_images([X])",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    NotebookClient(notebook, kernel_name="python3", timeout=100).execute()
    pictures = [
        sum("image/png" in output.get("data", {}) for output in cell.outputs)
        for cell in notebook.cells
    ]
    assert pictures == [0, 1, 1, 1, 1, 2]
