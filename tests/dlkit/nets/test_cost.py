"""Counts agree with the arithmetic, with the published nets, and between the frameworks."""

import numpy as np
import pytest

from dlkit import mx as shim
from dlkit.nets.cost import layers_gluon, layers_torch, total

torch = pytest.importorskip("torch")
with_mxnet = pytest.mark.skipif(not shim.available(), reason="MXNet is not installed")


def lenet_torch():
    nn = torch.nn
    convolutions = (
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    return nn.Sequential(
        *convolutions, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)
    )


def test_a_net_is_counted_layer_by_layer():
    layers = layers_torch(lenet_torch(), (1, 28, 28))
    assert [layer.output for layer in layers[:4]] == [
        (20, 24, 24),
        (20, 24, 24),
        (20, 12, 12),
        (50, 8, 8),
    ]
    assert [layer.parameters for layer in layers if layer.parameters] == [
        520,
        25_050,
        400_500,
        5_010,
    ]
    products = [24 * 24 * 20 * 25, 8 * 8 * 50 * 20 * 25, 800 * 500, 500 * 10]
    assert [layer.multiply_adds for layer in layers if layer.multiply_adds] == products
    assert total(layers) == (431_080, sum(products))


def test_groups_divide_the_products_and_a_layer_used_twice_has_its_parameters_once():
    shared = torch.nn.Conv2d(8, 8, 3, padding=1, groups=4, bias=False)
    layers = layers_torch(torch.nn.Sequential(shared, shared), (8, 6, 6))
    assert [(layer.parameters, layer.multiply_adds) for layer in layers] == [
        (8 * 2 * 9, 36 * 8 * 2 * 9),
        (0, 36 * 8 * 2 * 9),
    ]


def test_counting_changes_nothing():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    layers_torch(net, (1, 5, 5))
    assert net.training and not net[0]._forward_hooks
    assert all(
        torch.equal(value, before[name]) for name, value in net.state_dict().items()
    )


@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "vgg11_bn",
        "googlenet",
        "resnet18",
        "densenet121",
        "mobilenet_v2",
        "shufflenet_v2_x1_0",
    ],
)
def test_published_nets_are_counted_as_published(name):
    """Against the figures that torchvision publishes beside its weights: parameters, and 10^9
    multiply-adds rounded to three decimals.
    """
    torchvision = pytest.importorskip("torchvision")
    published = torchvision.models.get_model_weights(name).DEFAULT.meta
    options = (
        {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    )
    with torch.device("meta"):
        net = torchvision.models.get_model(name, weights=None, **options)
    parameters, multiply_adds = total(layers_torch(net, (3, 224, 224)))
    assert (
        parameters
        == published["num_params"]
        == sum(p.numel() for p in net.parameters())
    )
    assert multiply_adds == pytest.approx(published["_ops"] * 1e9, rel=0.005, abs=2e6)


@with_mxnet
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("alexnet", "alexnet"), ("vgg11_bn", "vgg11_bn"), ("densenet121", "densenet121")],
)
def test_gluons_model_zoo_is_counted_like_torchvisions(name, theirs):
    torchvision = pytest.importorskip("torchvision")
    from dlkit.mx import mx

    net = mx.gluon.model_zoo.vision.get_model(name)
    net.initialize()
    ours = layers_gluon(net, (3, 224, 224))
    assert total(ours)[0] == sum(
        int(np.prod(p.shape))
        for p in net.collect_params().values()
        if not p.name.endswith(("running_mean", "running_var"))
    )
    with torch.device("meta"):
        published = layers_torch(
            torchvision.models.get_model(theirs, weights=None), (3, 224, 224)
        )
    assert [layer.output for layer in ours if layer.multiply_adds] == [
        layer.output for layer in published if layer.multiply_adds
    ]


@with_mxnet
def test_activations_inside_a_layer_hide_nothing_and_hybridized_nets_are_refused():
    from dlkit.mx import gluon

    net = gluon.nn.HybridSequential()
    net.add(
        gluon.nn.Conv2D(20, 5, activation="relu"), gluon.nn.Dense(10, activation="relu")
    )
    net.initialize()
    layers = layers_gluon(net, (1, 28, 28))
    assert total(layers) == (
        520 + 20 * 24 * 24 * 10 + 10,
        24 * 24 * 20 * 25 + 20 * 24 * 24 * 10,
    )
    within = gluon.nn.Sequential()
    within.add(net)
    net.hybridize()
    for hybridized in (net, within):
        with pytest.raises(ValueError, match="hybridized"):
            layers_gluon(hybridized, (1, 28, 28))
