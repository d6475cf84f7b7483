"""Published weights by name: fetched where there is a network, kept, and missed in one line
where there is none. Nothing is downloaded here.
"""

import pytest

from dlkit import mx as shim
from dlkit.data import published
from dlkit.data.published import DataUnavailable, pretrained_gluon, pretrained_torch

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch, tmp_path):
    """No weights on this machine, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(
        "socket.getaddrinfo",
        lambda *_, **__: (_ for _ in ()).throw(OSError("no network in tests")),
    )


def fetchers():
    return [
        (pretrained_torch, "mobilenet_v3_small"),
        *([(pretrained_gluon, "mobilenet0.25")] if shim.available() else []),
    ]


def test_without_a_network_the_error_is_one_line_and_nothing_else_is_printed(capfd):
    for fetch, name in fetchers():
        with pytest.raises(DataUnavailable, match="no network in tests") as error:
            fetch(name)
        assert name in str(error.value) and "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_a_wrong_name_is_met_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'resnet18'"):
        pretrained_torch("ResNet-18")
    if shim.available():
        with pytest.raises(ValueError, match=r"Did you mean 'mobilenet0\.5'"):
            pretrained_gluon("mobilenet-0.5")


def test_weights_that_are_there_need_no_network(tmp_path):
    from torchvision import models

    kept = tmp_path / "hub" / "checkpoints"
    kept.mkdir(parents=True)
    file = models.get_model_weights("squeezenet1_1").DEFAULT.url.rpartition("/")[2]
    weights = models.get_model("squeezenet1_1").state_dict()
    torch.save(weights, kept / file)
    net = pretrained_torch("squeezenet1_1")
    assert not net.training
    assert all(
        torch.equal(value, weights[name]) for name, value in net.state_dict().items()
    )


def test_a_server_that_answers_anything_is_there(monkeypatch):
    """Many refuse HEAD; the download that follows says what is wrong, if anything is."""
    import urllib.error

    def refuse(request, timeout):
        assert timeout == published.PATIENCE
        raise urllib.error.HTTPError(request.full_url, 403, "Forbidden", {}, None)

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    published._call_at("https://example.org/weights")
