"""What libraries have ready made, under all the names that it goes by: what a question forbids,
where to call it would be to skip the task.
"""

_FUNCTIONS = ("torch", "torch.nn.functional", "torch.ops.aten", "torch._C._nn")
_MXNET = ("mxnet.nd", "mxnet.sym", "mxnet.npx")


def _under(places, *names):
    return [f"{place}.{name}" for place in places for name in names]


CONVOLUTION = [
    *_under(
        _FUNCTIONS[:3],
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
    ),
    *_under(("torch", "torch.ops.aten"), "convolution", "_convolution", "mkldnn_convolution"),
    *_under(
        ("torch._C._nn",), "_conv_depthwise2d", "slow_conv3d", "slow_conv_dilated2d", "thnn_conv2d"
    ),
    *_under(("torch.nn",), "Conv1d", "Conv2d", "Conv3d", "LazyConv1d", "LazyConv2d", "LazyConv3d"),
    *_under(
        _MXNET, "Convolution", "Convolution_v1", "Deconvolution", "convolution", "deconvolution"
    ),
    *_under(("mxnet.gluon.nn",), "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"),
    *_under(
        ("scipy.ndimage",), "correlate", "convolve", "correlate1d", "convolve1d", "generic_filter"
    ),
    "scipy.signal",
    "cv2.filter2D",
]
CONVOLUTION_IN_WORDS = (
    "a library's own convolution or correlation (`conv2d`, "
    "`nd.Convolution`, `scipy.signal` and the like)"
)

POOLING = [
    *_under(
        _FUNCTIONS,
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
    ),
    *_under(
        _FUNCTIONS,
        "adaptive_avg_pool2d",
        "adaptive_max_pool2d",
        "max_pool2d_with_indices",
        "lp_pool2d",
    ),
    *_under(
        ("torch.nn",), "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d"
    ),
    *_under(("torch.nn",), "AdaptiveMaxPool2d", "AdaptiveAvgPool2d", "LPPool2d"),
    *_under(_MXNET, "Pooling", "Pooling_v1", "pooling"),
    *_under(("mxnet.gluon.nn",), "MaxPool1D", "MaxPool2D", "AvgPool1D", "AvgPool2D"),
    *_under(("scipy.ndimage",), "maximum_filter", "uniform_filter", "generic_filter"),
    "skimage.measure.block_reduce",
]
POOLING_IN_WORDS = (
    "a library's own pooling (`max_pool2d`, `nn.AvgPool2d`, `nd.Pooling` and the like)"
)

IM2COL = [
    "torch.nn.functional.unfold",
    "torch.nn.Unfold",
    *_under(("torch._C._nn", "torch.ops.aten", "mxnet.nd", "mxnet.sym"), "im2col"),
    "sklearn.feature_extraction.image.extract_patches_2d",
]
IM2COL_IN_WORDS = "a library's own im2col (`torch.nn.functional.unfold`, `nd.im2col` and the like)"

LOSSES = [
    *_under(
        ("torch.nn.functional", "torch._C._nn", "torch.ops.aten"),
        "cross_entropy",
        "cross_entropy_loss",
        "nll_loss",
        "nll_loss_nd",
    ),
    *_under(("torch.nn",), "CrossEntropyLoss", "NLLLoss"),
    *_under(("mxnet.nd", "mxnet.sym"), "softmax_cross_entropy", "SoftmaxOutput"),
    "mxnet.gluon.loss",
    "sklearn.metrics.log_loss",
]
LOSSES_IN_WORDS = (
    "a library's ready-made loss (`cross_entropy`, `nll_loss`, `gluon.loss` and the like)"
)

OPTIMISERS = [
    "torch.optim",
    "mxnet.optimizer",
    "mxnet.gluon.Trainer",
    *_under(
        ("mxnet.nd", "mxnet.sym"),
        "sgd_update",
        "sgd_mom_update",
        "mp_sgd_update",
        "multi_sgd_update",
    ),
]
OPTIMISERS_IN_WORDS = (
    "a library's optimiser (`torch.optim`, `mx.optimizer`, `gluon.Trainer` and the like)"
)
