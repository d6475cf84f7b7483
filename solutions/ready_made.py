"""What libraries have ready made: what a question forbids, where to call it would be to skip the
task.

`torch.ops.X` and `mxnet.nd.X` are the operators below, by which a call is noticed whatever it is
called: a layer, another function, another library. The other names are those under which somebody
would look for it, so that reading the code already says which line it is.
"""

_TORCH = ("torch", "torch.nn.functional")
_FUNCTIONAL = ("torch.nn.functional",)
_LAYERS = ("torch.nn",)
_OPERATORS = ("torch.ops.aten",)
_COMPOSED = ("torch.ops.aten", "torch._C._nn")
_MXNET = ("mxnet.nd", "mxnet.sym", "mxnet.npx")
_GLUON = ("mxnet.gluon.nn",)
_SCIPY = ("scipy.ndimage",)


def _under(places, names):
    return [f"{place}.{name}" for place in places for name in names.split()]


CONVOLUTION = [
    *_under(
        (*_TORCH, *_OPERATORS),
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc",
    ),
    *_under(
        _OPERATORS,
        "convolution _convolution convolution_overrideable convolution_backward "
        "mkldnn_convolution _slow_conv2d_forward slow_conv_transpose2d",
    ),
    *_under(("torch",), "convolution _convolution mkldnn_convolution"),
    *_under(
        _COMPOSED,
        "_conv_depthwise2d conv_depthwise3d slow_conv3d slow_conv_dilated2d "
        "slow_conv_dilated3d thnn_conv2d",
    ),
    *_under(_LAYERS, "Conv1d Conv2d Conv3d LazyConv1d LazyConv2d LazyConv3d"),
    *_under(_LAYERS, "ConvTranspose1d ConvTranspose2d ConvTranspose3d"),
    "torch.nn.grad",
    *_under(("torchvision.ops",), "deform_conv2d DeformConv2d"),
    "torch.ops.torchvision.deform_conv2d",
    *_under(
        _MXNET, "Convolution Convolution_v1 Deconvolution convolution deconvolution"
    ),
    *_under(("mxnet.nd",), "Correlation contrib.DeformableConvolution"),
    "mxnet.nd.contrib.ModulatedDeformableConvolution",
    *_under(
        _GLUON, "Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose"
    ),
    *_under(("numpy",), "correlate convolve"),
    *_under(
        _SCIPY,
        "correlate convolve correlate1d convolve1d generic_filter generic_filter1d",
    ),
    "scipy.signal",
    *_under(("cv2",), "filter2D sepFilter2D matchTemplate"),
]
CONVOLUTION_IN_WORDS = (
    "a library's own convolution or correlation (`conv2d`, "
    "`nd.Convolution`, `scipy.signal` and the like)"
)

POOLING = [
    *_under(
        (*_TORCH, *_COMPOSED),
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d "
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
        "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
        "fractional_max_pool2d fractional_max_pool3d max_pool2d_with_indices",
    ),
    *_under(_FUNCTIONAL, "lp_pool1d lp_pool2d lp_pool3d"),
    *_under(
        _OPERATORS,
        "max_pool3d_with_indices _adaptive_avg_pool2d _adaptive_avg_pool3d mkldnn_max_pool2d",
    ),
    *_under(_LAYERS, "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d"),
    *_under(
        _LAYERS,
        "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveAvgPool1d AdaptiveAvgPool2d",
    ),
    *_under(_LAYERS, "LPPool1d LPPool2d FractionalMaxPool2d"),
    *_under(("torchvision.ops", "torch.ops.torchvision"), "roi_pool roi_align"),
    *_under(_MXNET, "Pooling Pooling_v1 pooling ROIPooling"),
    "mxnet.nd.contrib.AdaptiveAvgPooling2D",
    *_under(
        _GLUON,
        "MaxPool1D MaxPool2D AvgPool1D AvgPool2D GlobalMaxPool2D GlobalAvgPool2D",
    ),
    *_under(
        _SCIPY,
        "maximum_filter maximum_filter1d minimum_filter minimum_filter1d uniform_filter "
        "uniform_filter1d generic_filter generic_filter1d rank_filter percentile_filter "
        "grey_dilation grey_erosion",
    ),
    "skimage.measure.block_reduce",
    *_under(("cv2",), "blur boxFilter dilate erode"),
]
POOLING_IN_WORDS = (
    "a library's own pooling (`max_pool2d`, `nn.AvgPool2d`, `nd.Pooling` and the like)"
)

IM2COL = [
    "torch.nn.functional.unfold",
    "torch.nn.Unfold",
    *_under((*_COMPOSED, "mxnet.nd", "mxnet.sym"), "im2col"),
    "sklearn.feature_extraction.image.extract_patches_2d",
]
IM2COL_IN_WORDS = (
    "a library's own im2col (`torch.nn.functional.unfold`, `nd.im2col` and the like)"
)

LOSSES = [
    *_under(
        (*_FUNCTIONAL, *_COMPOSED),
        "cross_entropy cross_entropy_loss nll_loss nll_loss_nd",
    ),
    *_under((*_TORCH, *_OPERATORS), "kl_div"),
    *_under(_FUNCTIONAL, "linear_cross_entropy binary_cross_entropy multi_margin_loss"),
    *_under((*_TORCH, *_OPERATORS), "binary_cross_entropy_with_logits"),
    *_under(_OPERATORS, "nll_loss_forward nll_loss2d_forward binary_cross_entropy"),
    *_under(
        _LAYERS,
        "CrossEntropyLoss NLLLoss NLLLoss2d KLDivLoss BCELoss BCEWithLogitsLoss "
        "LinearCrossEntropyLoss AdaptiveLogSoftmaxWithLoss",
    ),
    *_under(("mxnet.nd", "mxnet.sym"), "softmax_cross_entropy SoftmaxOutput Softmax"),
    "mxnet.gluon.loss",
    *_under(("mxnet.metric",), "CrossEntropy NegativeLogLikelihood"),
    "sklearn.metrics.log_loss",
    "scipy.stats.entropy",
]
LOSSES_IN_WORDS = (
    "a library's ready-made loss "
    "(`cross_entropy`, `nll_loss`, `gluon.loss` and the like)"
)

OPTIMISERS = [
    "torch.optim",
    *_under(_OPERATORS, "_fused_sgd_ _fused_adam_ _fused_adamw_ _fused_adagrad_"),
    "mxnet.optimizer",
    "mxnet.gluon.Trainer",
    *_under(
        ("mxnet.nd", "mxnet.sym"),
        "sgd_update sgd_mom_update nag_mom_update mp_sgd_update mp_sgd_mom_update "
        "multi_sgd_update multi_sgd_mom_update multi_mp_sgd_update multi_mp_sgd_mom_update",
    ),
]
OPTIMISERS_IN_WORDS = (
    "a library's optimiser "
    "(`torch.optim`, `mx.optimizer`, `gluon.Trainer` and the like)"
)

NORMALISATION = [
    *_under(
        (*_TORCH, *_OPERATORS),
        "batch_norm instance_norm group_norm layer_norm native_batch_norm",
    ),
    *_under(
        _OPERATORS,
        "_native_batch_norm_legit _batch_norm_with_update cudnn_batch_norm "
        "native_layer_norm native_group_norm batch_norm_stats batch_norm_update_stats",
    ),
    *_under(
        _LAYERS, "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm GroupNorm LayerNorm"
    ),
    *_under(_LAYERS, "InstanceNorm1d InstanceNorm2d InstanceNorm3d"),
    *_under(
        ("mxnet.nd", "mxnet.sym"),
        "BatchNorm BatchNorm_v1 InstanceNorm GroupNorm LayerNorm",
    ),
    "mxnet.nd.contrib.SyncBatchNorm",
    *_under(_GLUON, "BatchNorm InstanceNorm GroupNorm LayerNorm"),
]

SHUFFLES = [
    *_under((*_TORCH, *_OPERATORS), "channel_shuffle native_channel_shuffle"),
    "torch.nn.ChannelShuffle",
    "torchvision.models.shufflenetv2.channel_shuffle",
]

DIFFERENTIATION = [
    *_under(("torch.autograd",), "backward grad functional forward_ad"),
    # What all of them come to.
    "torch.autograd.graph._engine_run_backward",
    "torch.Tensor.backward",
    *_under(
        ("torch.func", "functorch"),
        "grad grad_and_value vjp jvp jacrev jacfwd hessian linearize",
    ),
    *_under(("mxnet.autograd",), "record mark_variables backward grad"),
    "mxnet.nd.NDArray.backward",
]

CONFUSION = [
    "sklearn.metrics",
    "mxnet.metric",
    "scipy.stats.contingency",
    "pandas.crosstab",
]

DATA = [
    *_under(("dlkit.data",), "digits load glyphs.glyphs brands.brands"),
    *_under(("sklearn.datasets",), "load_digits fetch_openml"),
    "torchvision.datasets",
]
"""Where the pictures of an open question, or more of their kind, come from. `dlkit.data` itself is
not forbidden: it has `batches`.
"""
DATA_IN_WORDS = "data from elsewhere (`data.digits`, `load_digits` and the like)"
DRAWN_IN_WORDS = "data from elsewhere (`data.glyphs`, `data.brands` and the like)"
