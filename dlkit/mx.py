"""The MXNet shim."""

import warnings

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for _name, _kind in {"bool": bool, "int": int, "float": float, "object": object, "str": str, "complex": complex}.items():
        if _name not in vars(np):
            setattr(np, _name, _kind)
    import mxnet as mx
    from mxnet import autograd, gluon, init, nd

__all__ = ["autograd", "gluon", "init", "mx", "nd"]
