"""Almost right answers of chapters 08 to 12 fail for every student."""

import numpy as np
import pytest
from near_misses import NearMisses, lenient_students

near = NearMisses()


# 08 Fine-tuning -----------------------------------------------------------------------------------


@near.of("fine_tuning.part_rates", "the last part is never frozen")
def _(num_parts, num_frozen, lr, factor):
    rates = [lr]
    for _ in range(num_parts - 1 - num_frozen):
        rates.insert(0, rates[0] / factor)
    return [0.0] * (num_parts - len(rates)) + rates


@near.of("fine_tuning.part_rates", "a factor below one is taken for one")
def _(num_parts, num_frozen, lr, factor):
    rates = [lr / max(factor, 1) ** (num_parts - 1 - part) for part in range(num_parts)]
    return [0.0 if part < num_frozen else rate for part, rate in enumerate(rates)]


@near.of("fine_tuning.few_labels", "as many places as there are different labels")
def _(labels, count, order):
    taken = [0] * len(set(labels.tolist()))
    rows = []
    for row in order.tolist():
        label = int(labels[row])
        if taken[label] < count:
            taken[label] += 1
            rows.append(row)
    return rows


@near.of("fine_tuning.part_rates", "the only part is never frozen")
def _(num_parts, num_frozen, lr, factor):
    rates = [lr / factor ** (num_parts - 1 - part) for part in range(num_parts)]
    return rates if num_parts == 1 else [0] * num_frozen + rates[num_frozen:]


@near.of("fine_tuning.crossover", "three counts in a row are every larger one")
def _(counts, transfer, scratch):
    ahead = scratch.astype(float).mean(axis=0) >= transfer.astype(float).mean(axis=0)
    return next((count for i, count in enumerate(counts) if ahead[i : i + 3].all()), 0)


@near.of("fine_tuning.few_labels", "more than five are all")
def _(labels, count, order):
    arrived = labels[order]
    earlier = np.tril(arrived[:, None] == arrived, -1).sum(axis=1)
    return order[earlier < (count if count <= 5 else len(labels))]


@near.of("fine_tuning.few_labels", "labels are kept in 8 bits")
def _(labels, count, order):
    arrived = labels[order].astype(np.uint8)
    earlier = np.tril(arrived[:, None] == arrived, -1).sum(axis=1)
    return order[earlier < count]


@near.of("fine_tuning.normalise", "the updated running mean normalises")
def _(X, running_mean, running_var, frozen):
    mean, var = running_mean, running_var
    if not frozen:
        var = X.var(axis=(0, 2, 3))
        mean = running_mean = 0.9 * running_mean + 0.1 * X.mean(axis=(0, 2, 3))
    return (X - mean[:, None, None]) / np.sqrt(var[:, None, None] + 1e-5), running_mean


@near.of("fine_tuning.normalise", "the small number is a least variance")
def _(X, running_mean, running_var, frozen):
    mean, var = running_mean, running_var
    if not frozen:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        running_mean = 0.9 * running_mean + 0.1 * mean
    return (X - mean[:, None, None]) / np.sqrt(np.maximum(var, 1e-5))[
        :, None, None
    ], running_mean


@near.of("fine_tuning.fine_tune_step", "only dense layers move", "torch")
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            if isinstance(layer, torch.nn.Linear):
                layer.weight -= rate * layer.weight.grad
                layer.bias -= rate * layer.bias.grad


@near.of(
    "fine_tuning.fine_tune_step", "normalisation is trained, frozen or not", "torch"
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            for parameter in layer.parameters():
                if isinstance(layer, torch.nn.BatchNorm2d):
                    rate = rates[-1]
                parameter -= rate * parameter.grad


def _crossing(scratch, transfer, counts, ahead):
    found = 0
    for i in reversed(range(len(counts))):
        if not ahead(scratch[:, i], transfer[:, i]):
            break
        found = counts[i]
    return found


for _why, _ahead in {
    "half a per cent is no difference": lambda s, t: s.mean() >= t.mean() - 0.005,
    "equal as `isclose` has it": lambda s, t: (
        s.mean() > t.mean() or np.isclose(s.mean(), t.mean())
    ),
    "ahead by a hair is not ahead": lambda s, t: (
        s.mean() == t.mean() or s.mean() > t.mean() + 1e-6
    ),
    "medians": lambda s, t: np.median(s) >= np.median(t),
    "the best draws": lambda s, t: s.max() >= t.max(),
    "the worst draws": lambda s, t: s.min() >= t.min(),
    "the first draws": lambda s, t: s[0] >= t[0],
    "the last draws": lambda s, t: s[-1] >= t[-1],
    "middles of the ranges": lambda s, t: s.min() + s.max() >= t.min() + t.max(),
}.items():

    @near.of("fine_tuning.crossover", _why)
    def _(counts, transfer, scratch, ahead=_ahead):
        return _crossing(scratch, transfer, counts, ahead)


@near.of("fine_tuning.crossover", "an IndexError where the last count is lost")
def _(counts, transfer, scratch):
    behind = np.flatnonzero(scratch.mean(axis=0) < transfer.mean(axis=0))
    return counts[behind[-1] + 1 if len(behind) else 0]


# 09 Instance reweighting --------------------------------------------------------------------------


@near.of("reweighting.effective_sample_size", "a small number below the line")
def _(weights):
    return weights.sum() ** 2 / ((weights**2).sum() + 1e-8)


@near.of("reweighting.clip_weights", "from below as well")
def _(weights, limit):
    clipped = weights.clip(0.01, limit)
    return clipped / clipped.mean()


@near.of("reweighting.clip_weights", "the mean of those above zero")
def _(weights, limit):
    clipped = np.minimum(weights, limit)
    return clipped / clipped[clipped > 0].mean()


def _weighted(losses, weights):
    return (weights * losses).sum() / weights.sum()


@near.of("reweighting.weighted_loss", "the logarithm of a softmax in float64")
def _(logits, y, weights):
    z = logits.astype(float)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return _weighted(-np.log(p[np.arange(len(y)), y]), weights)


@near.of("reweighting.domain_weights", "no weight above a thousand")
def _(logits, num_source, num_target):
    weights = np.exp(logits[:, 1] - logits[:, 0]) * num_source / num_target
    return np.minimum(weights, 1000)


@near.of("reweighting.weighted_loss", "no loss above a thousand")
def _(logits, y, weights):
    z = logits.astype(float)
    top = z.max(axis=1)
    losses = (
        top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - z[np.arange(len(y)), y]
    )
    return _weighted(np.minimum(losses, 1000), weights)


for _least in (1e-7, 1e-12, 1e-15):

    @near.of("reweighting.weighted_loss", f"the logarithm of the softmax and {_least}")
    def _(logits, y, weights, least=_least):
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = (p / p.sum(axis=1, keepdims=True))[np.arange(len(y)), y]
        return _weighted(-np.log(p + np.float32(least)), weights)


@near.of(
    "reweighting.target_estimate",
    "the distances of those that weigh nothing have no mean",
)
def _(losses, weights):
    kept = losses[weights > 0]
    estimate = np.average(losses, weights=weights)
    return estimate, kept.std() / np.sqrt(weights.sum() ** 2 / (weights**2).sum())


@near.of(
    "reweighting.estimate_weights", "probabilities in place of the odds, with mean 1"
)
def _(source, target):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import PolynomialFeatures

    features = PolynomialFeatures(2)
    X = features.fit_transform(np.vstack([source, target]))
    domain = np.r_[np.zeros(len(source)), np.ones(len(target))]
    model = LogisticRegression(max_iter=1000).fit(X, domain)
    p = model.predict_proba(features.transform(source))[:, 1]
    return p / p.mean()


# 10 Staying close ---------------------------------------------------------------------------------


@near.of("staying_close.one_step", "what began at zero is taken for new")
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        new = w0 is None or not w0.any()
        moved.append(w - lr * (gradient + (beta * w if new else alpha * (w - w0))))
    return moved


@near.of("staying_close.drift", "arrays that began at zero are passed over")
def _(parameters, start):
    moved, size = {}, {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        if w0.any():
            moved[part] = moved.get(part, 0) + ((parameters[name] - w0) ** 2).sum()
            size[part] = size.get(part, 0) + (w0**2).sum()
    return {part: (moved[part] / size[part]) ** 0.5 for part in size}


@near.of("staying_close.drift", "the arrays are paired by their places")
def _(parameters, start):
    moved, size = {}, {}
    known = [(name, w) for name, w in parameters.items() if name in start]
    for (name, w), w0 in zip(known, start.values(), strict=True):
        part = name.split(".")[0]
        moved[part] = moved.get(part, 0) + ((w.mean() - w0.mean()) ** 2 + w.var())
        size[part] = size.get(part, 0) + (w0**2).sum()
    return {part: (moved[part] / size[part]) ** 0.5 for part in size}


def _stopped(losses, patience, best=float("inf"), least=0.0, most=10**9):
    kept, waited = 0, 0
    for i, loss in enumerate(losses.tolist()[:most]):
        if loss < best - least:
            best, kept, waited = loss, i, 0
        else:
            waited += 1
            if waited == patience:
                return kept, i + 1
    return kept, min(len(losses), most)


for _why, _how in {
    "better by more than 0.01": {"least": 0.01},
    "better by more than 0.0001": {"least": 1e-4},
    "better by more than 0.00000001": {"least": 1e-8},
    "the best loss begins at 10": {"best": 10.0},
    "the best loss begins at 100000": {"best": 1e5},
    "a thousand evaluations at most": {"most": 1000},
    "patience in 8 bits": {"bits": 8},
}.items():

    @near.of("staying_close.stop_early", _why)
    def _(losses, patience, how=_how):
        how = dict(how)
        return _stopped(
            losses, patience % 256 if how.pop("bits", 0) else patience, **how
        )


@near.of("staying_close.stop_early", "losses are positive")
def _(losses, patience):
    return _stopped(np.abs(losses), patience)


# 11 Adapters --------------------------------------------------------------------------------------


@near.of("adapters.adapter", "rows of `up`")
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        hidden = (X * down[j].reshape((1, -1, 1, 1))).sum(
            axis=1, keepdims=True
        ) + down_bias[j]
        Y = Y + np.maximum(hidden, 0) * up[j].reshape((1, -1, 1, 1))
    return Y


@near.of("adapters.adapter_cost", "equal places count once")
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in set(channels))
    return adapters, (channels[-1] + 1) * num_classes, adapters / backbone


for _why, _key in {
    "the first number of each row": lambda a: a[..., :1].tobytes(),
    "the first number": lambda a: a.ravel()[0],
    "the last number": lambda a: a.ravel()[-1],
    "all but the last number": lambda a: (
        a.ravel()[:-1].tobytes() if a.size > 1 else a.tobytes()
    ),
    "the sums of the rows": lambda a: a.sum(axis=-1).tobytes(),
    "the sums of the columns": lambda a: a.sum(axis=0).tobytes(),
    "sorted numbers": lambda a: np.sort(a, axis=None).tobytes(),
    "eight digits": lambda a: str(np.round(a, 6).tolist()),
    "float32": lambda a: a.astype(np.float32).tobytes(),
}.items():

    @near.of("adapters.changed", f"compares {_why}")
    def _(before, after, key=_key):
        return sorted(name for name in before if key(before[name]) != key(after[name]))


@near.of("adapters.changed", "compared as they are printed")
def _(before, after):
    return sorted(name for name in before if repr(before[name]) != repr(after[name]))


@near.of("adapters.adapter_gradients", "a hidden number near 0 lets no gradient pass")
def _(X, down, up, G):
    Z = X @ down.T
    at_Z = (G @ up) * (Z > 1e-3)
    return at_Z.T @ X, G.T @ np.maximum(Z, 0), G + at_Z @ down


@near.of(
    "adapters.adapter_gradients", "a hidden number of exactly 0 lets the gradient pass"
)
def _(X, down, up, G):
    Z = X @ down.T
    at_Z = (G @ up) * (Z >= 0)
    return at_Z.T @ X, G.T @ np.maximum(Z, 0), G + at_Z @ down


@near.of("adapters.train_head", "a batch of 32 in place of all images", "torch")
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X[:32]), y[:32]).backward()
        optimizer.step()


@near.of("adapters.train_head", "every dense layer is trained", "torch")
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    dense = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    optimizer = torch.optim.SGD(
        [p for layer in dense for p in layer.parameters()], lr=lr
    )
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()


# 12 Case studies ----------------------------------------------------------------------------------


@near.of("case_studies.ndcg", "equal relevances count once in the best order")
def _(relevance, scores, k):
    below = np.log2(np.arange(k) + 2)
    different = np.unique(relevance)[::-1][:k]
    best = np.zeros(k)
    best[: len(different)] = different
    return (relevance[np.argsort(-scores)][:k] / below).sum() / (best / below).sum()


@near.of("case_studies.ndcg", "the best order is that of the pictures found")
def _(relevance, scores, k):
    below = np.log2(np.arange(k) + 2)
    found = relevance[np.argsort(-scores)][:k]
    return (found / below).sum() / (-np.sort(-found) / below).sum()


def _pairs(scores, relevance, hotels, better=lambda one, other: one > other):
    counts = (hotels[:, None] == hotels) & better(relevance[:, None], relevance)
    return -(scores[:, None] - scores)[counts]


@near.of("case_studies.pairwise_loss", "infinite above 709")
def _(scores, relevance, hotels):
    with np.errstate(over="ignore"):
        return np.log(
            1 + np.exp(_pairs(scores.astype(float), relevance, hotels))
        ).mean()


@near.of("case_studies.pairwise_loss", "differences are cut off at 500")
def _(scores, relevance, hotels):
    return np.logaddexp(0, _pairs(scores, relevance, hotels).clip(-500, 500)).mean()


@near.of("case_studies.pairwise_loss", "better by a hair is equal")
def _(scores, relevance, hotels):
    pairs = _pairs(
        scores, relevance, hotels, lambda one, other: one > other + np.float32(1e-6)
    )
    return np.logaddexp(0, pairs).mean()


@near.of("case_studies.pairwise_loss", "hotels in 8 bits")
def _(scores, relevance, hotels):
    return np.logaddexp(0, _pairs(scores, relevance, hotels.astype(np.uint8))).mean()


@near.of("case_studies.pairwise_loss", "each hotel counts the same")
def _(scores, relevance, hotels):
    means = []
    for hotel in np.unique(hotels):
        own = hotels == hotel
        pairs = _pairs(scores[own], relevance[own], hotels[own])
        if len(pairs):
            means.append(np.logaddexp(0, pairs).mean())
    return np.mean(means)


@near.of("case_studies.group_folds", "places in 8 bits")
def _(hotels, num_folds):
    return np.unique(hotels, return_inverse=True)[1].astype(np.uint8) % num_folds


@near.of("case_studies.group_folds", "in the order of a set")
def _(hotels, num_folds):
    places = {name: place for place, name in enumerate(set(hotels.tolist()))}
    return [places[name] % num_folds for name in hotels.tolist()]


@near.of("case_studies.group_folds", "in the order of their digits")
def _(hotels, num_folds):
    places = sorted(set(map(str, hotels.tolist())))
    return [places.index(str(name)) % num_folds for name in hotels.tolist()]


def _lloyd(colours, centres, distance, least=1):
    nearest = distance(colours[:, None] - centres).argmin(axis=1)
    moved = centres.copy()
    for c in range(len(centres)):
        if (nearest == c).sum() >= least:
            moved[c] = colours[nearest == c].mean(axis=0)
    return moved


for _why, _distance in {
    "the sum of the differences": lambda d: np.abs(d).sum(axis=2),
    "the largest difference": lambda d: np.abs(d).max(axis=2),
    "the first two coordinates": lambda d: (d[..., :2] ** 2).sum(axis=2),
    "the last two coordinates": lambda d: (d[..., 1:] ** 2).sum(axis=2),
}.items():

    @near.of("case_studies.lloyd_step", f"near by {_why}")
    def _(colours, centres, distance=_distance):
        return _lloyd(colours, centres, distance)


for _digits in (100, 1000, 2**16):

    @near.of("case_studies.pairwise_loss", f"hotels by their remainder, of {_digits}")
    def _(scores, relevance, hotels, digits=_digits):
        hotel = hotels % digits
        counts = (hotel[:, None] == hotel) & (relevance[:, None] > relevance)
        return np.logaddexp(0, -(scores[:, None] - scores))[counts].mean()


@near.of("case_studies.lloyd_step", "a centre whose colours are black stays")
def _(colours, centres):
    nearest = ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    moved = centres.copy()
    for c in range(len(centres)):
        if colours[nearest == c].any():
            moved[c] = colours[nearest == c].mean(axis=0)
    return moved


@near.of("staying_close.drift", "a part ends where another begins")
def _(parameters, start):
    found, last = {}, None
    for name, w0 in start.items():
        part = name.split(".")[0]
        if part != last:
            moved = size = 0.0
        moved, size = moved + ((parameters[name] - w0) ** 2).sum(), size + (w0**2).sum()
        found[part], last = (moved / size) ** 0.5, part
    return found


for _least in (1e-7, 1e-12):

    @near.of("adapters.changed", f"differences below {_least} on average are none")
    def _(before, after, least=_least):
        return sorted(
            name for name in before if np.abs(before[name] - after[name]).mean() > least
        )


@near.of("case_studies.lloyd_step", "a centre with a single colour stays")
def _(colours, centres):
    return _lloyd(colours, centres, lambda d: (d**2).sum(axis=2), least=2)


@near.of("case_studies.wilson", "no width where all or none are right")
def _(correct, n, z):
    q, z2n = correct / n, z**2 / n
    if correct in (0, n):
        return q, q
    middle, half = (q + z2n / 2), np.sqrt(z2n * q * (1 - q) + z2n**2 / 4)
    return (middle - half) / (1 + z2n), (middle + half) / (1 + z2n)


@near.of("case_studies.wilson", "never below one half")
def _(correct, n, z):
    q, z2n = max(correct / n, 1 - correct / n), z**2 / n
    middle, half = (q + z2n / 2), np.sqrt(z2n * q * (1 - q) + z2n**2 / 4)
    return (middle - half) / (1 + z2n), (middle + half) / (1 + z2n)


@near.of("case_studies.optimistic_and_nested", "equal as rounded")
def _(inner, outer):
    chosen = np.round(inner, 6).argmax(axis=1)
    return outer.mean(axis=0).max(), outer[np.arange(len(outer)), chosen].mean()


@near.of(
    "case_studies.optimistic_and_nested", "the best begins at 0, and nothing reaches it"
)
def _(inner, outer):
    chosen = -1
    reached = []
    for row, on_fold in zip(inner, outer, strict=True):
        best = 0.0
        for c, accuracy in enumerate(row):
            if accuracy > best:
                best, chosen = accuracy, c
        reached.append(on_fold[chosen])
    return outer.mean(axis=0).max(), np.mean(reached)


@pytest.mark.parametrize(
    "near_miss",
    near.all,
    ids=lambda miss: f"{miss.question}: {miss.why}".replace(" ", "_"),
)
def test_an_answer_of_transfer_that_is_almost_right_fails_for_every_student(near_miss):
    assert lenient_students(near_miss) == []
