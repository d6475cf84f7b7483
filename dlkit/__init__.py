"""The small library of the course.

dlkit.data    images without a network (``digits``, ``photographs``, ``glyphs``, ``brands``), real
    sets by name (``load``), your own (``folder``), ``batches``
dlkit.backbone a small net pretrained on CIFAR-10, in both frameworks
dlkit.mx      MXNet, or stand-ins that say clearly that it is missing: ``from dlkit.mx import
    autograd, gluon, init, mx, nd``
dlkit.plots   ``show_images``, ``show_kernels``, ``plot_runs``
dlkit.cost    ``layers_torch``, ``layers_gluon``: output shapes, parameters and multiply-adds of a
    net, layer by layer
dlkit.training ``train_torch``, ``train_gluon``: the training loop of lesson 03
dlkit.stats   ``interval``: mean and 95 % interval over seeds
dlkit.seeds   ``seed_everything``

Nothing heavy is imported until something needs it.
"""

from dlkit.seeds import seed_everything

__all__ = ["seed_everything"]
