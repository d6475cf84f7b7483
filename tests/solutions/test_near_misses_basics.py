"""Almost right answers of chapters 00 to 07 fail for every student."""

import math
from collections import Counter
from itertools import groupby

import numpy as np
import pytest
from near_misses import NearMisses, lenient_students

near = NearMisses()


# 00 Why deep learning -----------------------------------------------------------------------------


@near.of("first_steps.majority_baseline", "no row for the answer among the test labels")
def _(train_labels, test_labels):
    return np.bincount(test_labels)[np.bincount(train_labels).argmax()] / len(
        test_labels
    )


@near.of("first_steps.majority_baseline", "ties in the order of a set")
def _(train_labels, test_labels):
    labels = train_labels.tolist()
    answer = max(set(labels), key=labels.count)
    return (test_labels == answer).mean()


@near.of("first_steps.majority_baseline", "counts of eight bits")
def _(train_labels, test_labels):
    counts = np.zeros(train_labels.max() + 1, np.uint8)
    np.add.at(counts, train_labels, 1)
    return (test_labels == counts.argmax()).mean()


@near.of("first_steps.majority_baseline", "room for ten labels")
def _(train_labels, test_labels):
    counts = [(train_labels == label).sum() for label in range(10)]
    return (test_labels == int(np.argmax(counts))).mean()


@near.of("first_steps.majority_baseline", "a label of 0 is no answer")
def _(train_labels, test_labels):
    counts = np.bincount(train_labels)
    counts[0] = 0
    return (test_labels == counts.argmax()).mean()


@near.of("first_steps.majority_baseline", "the median label")
def _(train_labels, test_labels):
    return (test_labels == int(np.median(train_labels))).mean()


@near.of("first_steps.hold_out", "labels of eight bits")
def _(labels, k):
    labels = labels.astype(np.uint8)
    ranks = np.tril(labels[:, None] == labels).sum(axis=1)
    return ranks % k == 0


@near.of("first_steps.hold_out", "room for ten classes")
def _(labels, k):
    counts, held_out = [0] * 10, []
    for label in labels.tolist():
        counts[label] += 1
        held_out.append(counts[label] % k == 0)
    return held_out


@near.of("first_steps.hold_out", "counts of eight bits")
def _(labels, k):
    counts, held_out = Counter(), []
    for label in labels.tolist():
        counts[label] = (counts[label] + 1) % 256
        held_out.append(counts[label] > 0 and counts[label] % k == 0)
    return held_out


@near.of("first_steps.hold_out", "classes that stand together")
def _(labels, k):
    runs = [list(run) for _, run in groupby(labels.tolist())]
    return [(place + 1) % k == 0 for run in runs for place in range(len(run))]


@near.of("first_steps.hold_out", "classes 0 to the number of classes")
def _(labels, k):
    held_out = np.zeros(len(labels), bool)
    for label in range(len(np.unique(labels))):
        held_out[np.flatnonzero(labels == label)[k - 1 :: k]] = True
    return held_out


def _leak(same):
    return lambda train_images, test_images: [
        any(same(test, train) for train in train_images) for test in test_images
    ]


for why, same in {
    "mean squared difference below a thousandth": lambda a, b: (
        ((a - b) ** 2).mean() < 1e-3
    ),
    "within numpy's tolerance": np.allclose,
    "within a millionth": lambda a, b: np.abs(a - b).max() < 1e-6,
    "first and last row": lambda a, b: (a[[0, -1]] == b[[0, -1]]).all(),
    "first and last column": lambda a, b: (a[:, [0, -1]] == b[:, [0, -1]]).all(),
    "equal sums": lambda a, b: a.sum() == b.sum(),
    "equal pixels when sorted": lambda a, b: (
        np.sort(a, None) == np.sort(b, None)
    ).all(),
    "equal in 8 bits": lambda a, b: (
        (255 * a).astype(int) == (255 * b).astype(int)
    ).all(),
    "rounded to three decimals": lambda a, b: (a.round(3) == b.round(3)).all(),
    "rounded to four decimals": lambda a, b: (a.round(4) == b.round(4)).all(),
    "as they are printed": lambda a, b: str(a) == str(b),
    "equal but for the sign": lambda a, b: (np.abs(a) == np.abs(b)).all(),
    "rows for columns": lambda a, b: (
        (a == b).all() or (len(set(a.shape)) == 1 and (a == b.T).all())
    ),
    "turned round": lambda a, b: any(
        np.array_equal(a, np.rot90(b, k)) for k in range(4)
    ),
    "rounded to six decimals": lambda a, b: (a.round(6) == b.round(6)).all(),
    "equal but for the brightness": lambda a, b: np.allclose(
        a - a.mean(), b - b.mean(), 0, 1e-7
    ),
    "in half precision": lambda a, b: (
        a.astype(np.float16) == b.astype(np.float16)
    ).all(),
}.items():
    near.of("first_steps.leaked", why)(_leak(same))


@near.of("first_steps.leaked", "the first hundred training images")
def _(train_images, test_images):
    same = (test_images[:, None] == train_images[None, :100]).all(axis=(2, 3))
    return same.any(axis=1)


@near.of("first_steps.leaked", "squeezed")
def _(train_images, test_images):
    same = (test_images[:, None] == train_images[None]).all(axis=(2, 3))
    return same.any(axis=1).squeeze()


@near.of("first_steps.confusion_matrix", "counts of eight bits")
def _(labels, predictions, num_classes):
    table = np.zeros((num_classes, num_classes), np.uint8)
    np.add.at(table, (labels, predictions), 1)
    return table


@near.of("first_steps.confusion_matrix", "pairs written as two digits")
def _(labels, predictions, num_classes):
    pairs = Counter((10 * labels + predictions).tolist())
    return [[pairs[10 * i + j] for j in range(num_classes)] for i in range(num_classes)]


# 01 Neurons to networks ---------------------------------------------------------------------------


@near.of("neurons.fire", "from a millionth on")
def _(X, weights, bias):
    return X @ weights + bias > 1e-6


@near.of("neurons.fire", "the first ten inputs")
def _(X, weights, bias):
    return (X[:, :10] * weights[:10]).sum(axis=1) + bias > 0


@near.of("neurons.fire", "the sum cut off to a whole number")
def _(X, weights, bias):
    return ((X * weights).sum(axis=1) + bias).astype(int) > 0


@near.of("neurons.fire", "zero within a tolerance")
def _(X, weights, bias):
    sums = X @ weights + bias
    return (sums > 0) & ~np.isclose(sums, 0)


@near.of("neurons.fire", "from a half on")
def _(X, weights, bias):
    return X @ weights + bias > 0.5


@near.of("neurons.fire", "squeezed")
def _(X, weights, bias):
    return (X @ weights.reshape(-1, 1) + bias > 0).squeeze()


@near.of("neurons.fire", "a bias of 0 is taken for none given")
def _(X, weights, bias):
    return X @ weights + (bias or 1.0) > 0


@near.of("neurons.perceptron_step", "a step only below 0")
def _(weights, bias, x, label):
    sign = 2 * label - 1
    if sign * float((weights * x).sum() + bias) < 0:
        return weights + sign * x, bias + sign
    return weights, bias


@near.of("neurons.perceptron_step", "fires from a millionth on")
def _(weights, bias, x, label):
    step = label - (float((weights * x).sum() + bias) > 1e-5)
    return weights + step * x, bias + step


@near.of("neurons.forward_pass", "squeezed")
def _(X, W1, b1, w2, b2):
    return (np.tanh(X @ W1.T + b1) @ w2.reshape(-1, 1) + b2).squeeze()


@near.of("neurons.forward_pass", "weights not transposed where they are square")
def _(X, W1, b1, w2, b2):
    hidden = X @ (W1 if W1.shape[0] == W1.shape[1] else W1.T)
    return np.tanh(hidden + b1) @ w2 + b2


@near.of("neurons.staircase", "at most ten stairs")
def _(heights):
    return np.diff(heights[:11]), heights[0]


# 02 Convolution -----------------------------------------------------------------------------------


@near.of("convolution.output_size", "at most a thousand places")
def _(size, kernel, padding, stride, dilation):
    places = range(0, size + 2 * padding - dilation * (kernel - 1), stride)
    return min(len(places), 1000)


@near.of("convolution.output_size", "rounded to the nearest")
def _(size, kernel, padding, stride, dilation):
    return round((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1


def _pool(image, window, stride, reduce):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)
    return reduce(windows[:: stride[0], :: stride[1]], axis=(2, 3))


@near.of("convolution.output_size", "a dilation of at most three")
def _(size, kernel, padding, stride, dilation):
    return (size + 2 * padding - min(dilation, 3) * (kernel - 1) - 1) // stride + 1


@near.of("convolution.pad_and_stride", "squeezed")
def _(image, kernel, padding, stride):
    padded = np.pad(image, [(padding[0],) * 2, (padding[1],) * 2])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    sums = np.einsum("ijab,ab->ij", windows, kernel)
    return sums[:: stride[0], :: stride[1]].squeeze()


@near.of("convolution.pool", "the search begins at -1000")
def _(image, window, stride, mode):
    if mode == "average":
        return _pool(image, window, stride, np.mean)
    return np.maximum(_pool(image, window, stride, np.max), -1000)


@near.of("convolution.pool", "a window may not be the image")
def _(image, window, stride, mode):
    rows, columns = (n - w or 1 for n, w in zip(image.shape, window, strict=True))
    whole = _pool(image, window, (1, 1), np.max if mode == "max" else np.mean)
    return whole[
        : rows + (image.shape[0] > window[0]) : stride[0], : columns : stride[1]
    ]


@near.of("convolution.receptive_field", "at most ten layers")
def _(layers):
    field = step = 1
    for kernel, stride, dilation in layers[:10]:
        field, step = field + dilation * (kernel - 1) * step, step * stride
    return field


# 03 LeNet -----------------------------------------------------------------------------------------


def _probabilities(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


for small in (1e-12, 1e-30, 1e-300):

    @near.of("lenet.softmax_cross_entropy", f"{small} inside the logarithm")
    def _(logits, labels, small=small):
        p = _probabilities(logits.astype(float))[np.arange(len(labels)), labels]
        return -np.log(p + small).mean()


@near.of("lenet.softmax_cross_entropy", "room for ten classes")
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(np.eye(10)[labels][:, : logits.shape[1]] * log_p).sum(axis=1).mean()


@near.of("lenet.sgd_step", "no decay without a gradient")
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g / batch_size + weight_decay * p * (g != 0))
        for p, g in zip(parameters, gradients, strict=True)
    ]


@near.of("lenet.load_weights", "square maps are turned", "torch")
def _(net, arrays):
    import torch

    maps = None
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            if array.ndim == 4:
                maps = array.shape[3]
                array = array.permute(3, 2, 0, 1)
            elif array.ndim == 2 and maps:
                side = int((len(array) // maps) ** 0.5)
                if side**2 * maps == len(array):
                    array = array.reshape(side, side, -1).transpose(0, 1)
                array = (
                    array.reshape(-1, maps, parameter.shape[0])
                    .permute(2, 1, 0)
                    .flatten(1)
                )
                maps = None
            elif array.ndim == 2:
                array = array.t()
            parameter.copy_(array)


# 04 Training deep networks ------------------------------------------------------------------------


@near.of("training.running_statistics", "a momentum of 0 is taken for none given")
def _(running_mean, running_var, X, momentum):
    momentum = momentum or 0.1
    mean = (1 - momentum) * running_mean + momentum * X.mean(0)
    return mean, (1 - momentum) * running_var + momentum * X.var(0, ddof=1)


@near.of("training.momentum_step", "arrays of two or four axes are decayed")
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    moving = [
        momentum * v + g + (weight_decay * p if p.ndim in (2, 4) else 0)
        for p, v, g in zip(parameters, velocities, gradients, strict=True)
    ]
    return [p - lr * v for p, v in zip(parameters, moving, strict=True)], moving


@near.of("training.momentum_step", "arrays of a single row are not decayed")
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    moving = [
        momentum * v + g + (weight_decay * p if p.ndim > 1 and len(p) > 1 else 0)
        for p, v, g in zip(parameters, velocities, gradients, strict=True)
    ]
    return [p - lr * v for p, v in zip(parameters, moving, strict=True)], moving


@near.of("training.warmup_cosine", "a warm-up of one step is none")
def _(step, num_steps, warmup):
    if step < warmup and warmup > 1:
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (num_steps - warmup))) / 2


@near.of("training.warmup_cosine", "half of the steps are warm-up at most")
def _(step, num_steps, warmup):
    if step < min(warmup, num_steps / 2):
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (num_steps - warmup))) / 2


@near.of("training.warmup_cosine", "no warm-up is a warm-up of one step")
def _(step, num_steps, warmup):
    warmup = warmup or 1
    if step < warmup:
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (num_steps - warmup))) / 2


# 05 Deeper ----------------------------------------------------------------------------------------


@near.of("deeper.conv_cost", "numbers of 32 bits")
def _(in_channels, output_shape, kernel, groups):
    products = in_channels // groups * kernel[0] * kernel[1]
    adds = np.prod(np.array([*output_shape, products]), dtype=np.int32)
    return output_shape[0] * (products + 1), int(adds)


@near.of("deeper.window_counts", "counts of at most nine")
def _(size, window, stride):
    counts = np.zeros(size, int)
    for start in range(0, size - window + 1, stride):
        counts[start : start + window] += 1
    return counts.clip(max=9)


# 06 Branches and shortcuts ------------------------------------------------------------------------


@near.of("shortcuts.join_branches", "the first and the last image")
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    joined = np.concatenate([one, two.clip(0), X], axis=1)
    joined[1:-1] = 0
    return joined


@near.of("shortcuts.dense_channels", "halves are rounded to an even number")
def _(channels, layers, growth):
    leaving = []
    for number in layers:
        channels += number * growth
        leaving.append(channels)
        channels = round(channels / 2)
    return leaving


@near.of("shortcuts.dense_channels", "few channels are not halved")
def _(channels, layers, growth):
    leaving = []
    for layer_count in layers:
        channels += layer_count * growth
        leaving.append(channels)
        channels = channels // 2 if channels > 10 else channels
    return leaving


# 07 Small and fast --------------------------------------------------------------------------------


@near.of("small_nets.channel_shuffle", "at most three groups")
def _(X, groups):
    N, C, H, W = X.shape
    groups = min(groups, 3) if C % 3 == 0 else groups
    return X.reshape(N, groups, C // groups, H, W).swapaxes(1, 2).reshape(N, C, H, W)


def _front(costs, accuracies, close):
    def beats(j, i):
        no_worse = (
            costs[j] <= costs[i] + close and accuracies[j] >= accuracies[i] - close
        )
        return no_worse and (
            costs[j] < costs[i] - close or accuracies[j] > accuracies[i] + close
        )

    everybody = range(len(costs))
    return [i for i in everybody if not any(beats(j, i) for j in everybody)]


@near.of("small_nets.pareto_front", "within a millionth")
def _(costs, accuracies):
    return _front(costs.astype(float), accuracies.astype(float), 1e-6)


@near.of("small_nets.pareto_front", "rounded to four decimals")
def _(costs, accuracies):
    return _front(costs.round(4), accuracies.round(4), 0)


@near.of("small_nets.pareto_front", "the best so far is 0 at first")
def _(costs, accuracies):
    front, best, at = [], 0, None
    for i in np.lexsort((-accuracies, costs)):
        if accuracies[i] > best:
            best, at = accuracies[i], costs[i]
        elif accuracies[i] < best or costs[i] != at:
            continue
        front.append(int(i))
    return sorted(front)


@near.of("small_nets.separable_cost", "numbers of 32 bits")
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + inputs * outputs) * height * width
    part = cost / (size**2 * inputs * outputs * height * width)
    return np.array(cost).astype(np.int32), part


@near.of("small_nets.separable_cost", "a part of at most 1")
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + inputs * outputs) * height * width
    return cost, min(1, cost / (size**2 * inputs * outputs * height * width))


@pytest.mark.parametrize(
    "near_miss",
    near.all,
    ids=lambda miss: f"{miss.question}: {miss.why}".replace(" ", "_"),
)
def test_an_answer_of_the_basics_that_is_almost_right_fails_for_every_student(
    near_miss,
):
    assert lenient_students(near_miss) == []
