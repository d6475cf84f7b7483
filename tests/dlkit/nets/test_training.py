"""Both loops learn, start alike, see the same batches, and keep to the schedule."""

import numpy as np
import pytest

from dlkit import mx as shim
from dlkit.data import digits
from dlkit.nets.training import (
    constant,
    cosine,
    initialize_gluon,
    initialize_torch,
    predict_gluon,
    predict_torch,
    train_gluon,
    train_torch,
)

torch = pytest.importorskip("torch")
with_mxnet = pytest.mark.skipif(not shim.available(), reason="MXNet is not installed")


@pytest.fixture(scope="module")
def data():
    return digits()  # 8x8


def net_torch():
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(72, 10),
    )


def net_gluon():
    from dlkit.mx import gluon

    nn = gluon.nn
    net = nn.HybridSequential()
    # Gluon's epsilon is 1e-5 as PyTorch's, and Dense flattens
    net.add(
        nn.Conv2D(8, 3),
        nn.BatchNorm(),
        nn.Activation("relu"),
        nn.MaxPool2D(2),
        nn.Dense(10),
    )
    return net


def test_torch_learns_and_the_seed_decides(data):
    runs = [
        train_torch(
            initialize_torch(net_torch(), seed=1), data, num_epochs=4, lr=0.1, seed=seed
        )
        for seed in (0, 0, 1)
    ]
    assert runs[0].val_accuracies[-1] > 0.9
    assert len(runs[0].val_accuracies) == 4 and len(runs[0].losses) == 4 * -(
        -len(data.train_images) // 64
    )
    assert np.array_equal(runs[0].losses, runs[1].losses) and not np.array_equal(
        runs[0].losses, runs[2].losses
    )


@with_mxnet
def test_gluon_starts_from_the_same_weights_and_takes_the_same_first_steps(data):
    ours, theirs = (
        initialize_torch(net_torch(), seed=3),
        initialize_gluon(net_gluon(), seed=3, image_shape=(1, 8, 8)),
    )
    torch_run = train_torch(
        ours, data, num_epochs=3, lr=0.05, seed=5, weight_decay=1e-3
    )
    gluon_run = train_gluon(
        theirs, data, num_epochs=3, lr=0.05, seed=5, weight_decay=1e-3
    )
    # Until the statistics of batch normalisation matter, which the frameworks estimate differently,
    # only rounding tells them apart
    assert np.abs(torch_run.losses - gluon_run.losses)[:10].max() < 1e-3
    assert gluon_run.val_accuracies[-1] > 0.85
    agree = np.mean(
        predict_torch(ours, data.test_images) == predict_gluon(theirs, data.test_images)
    )
    assert agree > 0.9


@with_mxnet
def test_initial_weights_of_both_are_equal_and_have_the_published_variance():
    dense_torch = torch.nn.Sequential(
        torch.nn.Linear(500, 400), torch.nn.Linear(400, 3)
    )
    from dlkit.mx import gluon

    dense_gluon = gluon.nn.HybridSequential()
    dense_gluon.add(gluon.nn.Dense(400, in_units=500), gluon.nn.Dense(3))
    initialize_torch(dense_torch, seed=7)
    initialize_gluon(dense_gluon, seed=7, image_shape=(1, 1, 500))
    for layer, block in zip(dense_torch, dense_gluon, strict=True):
        assert np.array_equal(
            layer.weight.detach().numpy(), block.weight.data().asnumpy()
        )
        assert not layer.bias.any() and not block.bias.data().asnumpy().any()
    assert dense_torch[0].weight.var().item() == pytest.approx(2 / 500, rel=0.02)


@with_mxnet
def test_a_used_net_starts_anew_in_both():
    from dlkit.mx import autograd, gluon, nd

    used_torch = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    used_gluon = gluon.nn.HybridSequential()
    used_gluon.add(gluon.nn.Dense(3, in_units=4), gluon.nn.BatchNorm(in_channels=3))
    used_gluon.initialize()
    X = np.random.default_rng(0).normal(5, 2, (8, 4)).astype(np.float32)
    used_torch(torch.from_numpy(X))
    with autograd.record():
        used_gluon(nd.array(X)).wait_to_read()
    with torch.no_grad():
        used_torch[1].weight.fill_(3)
    used_gluon[1].gamma.set_data(nd.full(3, 3))
    assert used_torch[1].running_mean.abs().min() > 0
    initialize_torch(used_torch, seed=0)
    initialize_gluon(used_gluon, seed=0)
    ours = [
        used_torch[1].weight,
        used_torch[1].bias,
        used_torch[1].running_mean,
        used_torch[1].running_var,
    ]
    theirs = [
        used_gluon[1].gamma,
        used_gluon[1].beta,
        used_gluon[1].running_mean,
        used_gluon[1].running_var,
    ]
    for one, other, value in zip(ours, theirs, (1, 0, 0, 1), strict=True):
        assert one.tolist() == other.data().asnumpy().tolist() == [value] * 3


def test_a_learning_rate_of_zero_changes_nothing_and_the_cosine_ends_there(data):
    net = initialize_torch(net_torch(), seed=0)
    before = net[0].weight.detach().clone()
    train_torch(net, data, num_epochs=1, lr=0.5, schedule=lambda progress: 0.0)
    assert torch.equal(net[0].weight, before)
    falling = [cosine(progress) for progress in np.linspace(0, 1, 11)]
    assert (
        falling[0] == 1
        and falling[-1] == pytest.approx(0)
        and falling == sorted(falling, reverse=True)
    )
    assert constant(0.9) == 1


def test_predictions_do_not_depend_on_the_size_of_the_batch(data):
    net = initialize_torch(net_torch(), seed=0)
    assert np.array_equal(
        predict_torch(net, data.test_images, batch_size=7),
        predict_torch(net, data.test_images, batch_size=1000),
    )
