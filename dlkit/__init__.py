"""The small library of the course.

dlkit.data      images without a network (``digits``, ``photographs``, ``glyphs``, ``brands``), real
    sets by name (``load``), your own (``folder``), ``batches``
dlkit.nets      ``backbone``: a small net pretrained on CIFAR-10, in both frameworks;
    ``training``: the loop of lesson 03, ``train_torch`` and ``train_gluon``; ``cost``: output
    shapes, parameters and multiply-adds of a net, layer by layer; ``seeds``
dlkit.tables    what lessons draw and would take too long to measure on a page, one module a table
dlkit.mx        MXNet, or stand-ins that say clearly that it is missing: ``from dlkit.mx import
    autograd, gluon, init, mx, nd``
dlkit.plots     ``show_images``, ``show_kernels``, ``plot_runs``
dlkit.stats     ``interval``: mean and 95 % interval over seeds

``from dlkit import seed_everything`` makes what is random the same each time. Nothing heavy is
imported until something needs it.
"""

from dlkit.nets.seeds import seed_everything

__all__ = ["seed_everything"]
