"""Devices, automatic values and processor threads."""

import pytest
import torch
from torch import nn

from aitrain_nb.config import TrainConfig
from aitrain_nb.engine import device
from aitrain_nb.errors import ConfigError

SMALL, LARGE = nn.Linear(10, 10), nn.Linear(1000, 1000)


@pytest.fixture
def only_a_processor(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_weights_are_counted_once_even_when_shared():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    assert device.count_weights(model) == 24
    model[1].weight = model[0].weight
    assert device.count_weights(model) == 15


def test_frozen_weights_are_counted_unless_only_the_trained_are_wanted():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    assert device.count_weights(model) == 20
    assert device.count_weights(model, trained_only=True) == 8


# devices


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_without_a_gpu_the_processor_is_used(only_a_processor, name):
    assert device.find_device(name) == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_by_name(only_a_processor, name):
    with pytest.raises(ConfigError) as caught:
        device.find_device(name)
    assert name in caught.value.what
    assert caught.value.why == "torch finds: cpu."
    assert "auto" in caught.value.fix


@pytest.mark.parametrize(
    ("cuda", "mps", "found"), [(True, False, "cuda"), (False, True, "mps"), (True, True, "cuda"), (False, False, "cpu")]
)
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch, cuda, mps, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert device.find_device("auto").type == found
    assert device.find_device("cpu").type == "cpu"


# automatic values


def test_a_small_model_takes_one_thread_and_evaluates_256_at_once(only_a_processor):
    config = device.resolve(TrainConfig(), SMALL, steps_per_epoch=45)
    assert (config.device, config.threads, config.evaluation_batch_size, config.log_every) == ("cpu", 1, 256, 9)


@pytest.mark.parametrize(("batch_size", "evaluated"), [(8, 32), (32, 32), (100, 100)])
def test_a_large_model_takes_all_threads_and_evaluates_a_batch_at_once(batch_size, evaluated):
    config = device.resolve(TrainConfig(batch_size=batch_size, device="cpu"), LARGE, steps_per_epoch=10)
    assert config.threads == torch.get_num_threads()
    assert config.evaluation_batch_size == evaluated


@pytest.mark.parametrize(("steps", "every"), [(1, 1), (4, 1), (5, 1), (6, 2), (45, 9), (46, 10)])
def test_five_lines_are_logged_an_epoch(steps, every):
    assert device.resolve(TrainConfig(), SMALL, steps).log_every == every


def test_what_was_said_is_kept():
    said = {"device": "cpu", "threads": 2, "evaluation_batch_size": 7, "log_every": 3}
    config = device.resolve(TrainConfig(seed=4, **said), LARGE, 100)
    assert {name: getattr(config, name) for name in said} == said
    assert config.seed == 4


def test_resolving_twice_changes_nothing_more():
    once = device.resolve(TrainConfig(), SMALL, 45)
    assert device.resolve(once, SMALL, 45) == once


# threads


def test_threads_are_set_inside_and_put_back():
    before = torch.get_num_threads()
    with device.Threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_threads_are_put_back_after_an_exception():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), device.Threads(before + 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_blocks_of_threads_can_be_nested():
    before = torch.get_num_threads()
    threads = device.Threads(before + 1)
    with threads:
        with device.Threads(before + 2):
            assert torch.get_num_threads() == before + 2
        with threads:
            assert torch.get_num_threads() == before + 1
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_without_a_number_the_threads_stay_as_they_are():
    before = torch.get_num_threads()
    with device.Threads(None):
        assert torch.get_num_threads() == before
    assert torch.get_num_threads() == before
