"""Networks in training: what wraps them, and what a look at them leaves as it was."""

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from errtax.lm.neural.undisturbed import is_first_process, is_sharded, plain_module, undisturbed  # noqa: E402


class Network(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Counts how often its mode is set by its own method, which an adapter may use to change weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(3))
        self.layers[2].eval()
        self.set = 0

    def train(self, mode: bool = True) -> Any:
        self.set += 1
        return super().train(mode)


def test_modes_random_numbers_and_buffers_are_as_they_were() -> None:
    network = Network().train()
    network.layers[2].training = False
    calls = network.set
    modes, state = [each.training for each in network.modules()], torch.get_rng_state()
    mean = network.layers[2].running_mean.clone()
    with undisturbed(network):
        assert not any(each.training for each in network.modules())
        out = network.layers(torch.ones(4, 3))
        assert not out.requires_grad and not out.is_inference()
        torch.rand(5)
    assert [each.training for each in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(network.layers[2].running_mean, mean)
    assert network.set == calls and torch.is_grad_enabled()
    with pytest.raises(KeyboardInterrupt), undisturbed(network):
        raise KeyboardInterrupt
    assert [each.training for each in network.modules()] == modes


def test_what_wraps_a_network_is_taken_off() -> None:
    network = Network()
    assert plain_module(network) is network
    assert plain_module(torch.nn.DataParallel(network)) is network
    assert plain_module(torch.compile(torch.nn.DataParallel(network))) is network


def test_weights_divided_among_processes_are_recognised() -> None:
    class FullyShardedDataParallel(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.module = Network()

    network = Network()
    assert not is_sharded(network)
    assert is_sharded(FullyShardedDataParallel())
    assert is_sharded(plain_module(FullyShardedDataParallel()))
    next(network.parameters()).ds_id = random.random()
    assert is_sharded(network)


def test_without_a_distributed_training_this_process_is_the_first() -> None:
    assert is_first_process()
