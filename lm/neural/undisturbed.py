"""Looking at a network in the middle of its training: afterwards all is as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def undisturbed(network: Any) -> Iterator[None]:
    """In this block a network is evaluated, without dropout and gradients; the training then goes on as without it.

    Each module has its own mode again afterwards, and the random numbers that come next are the same, those of CUDA's
    devices among them.  Modes are set one by one: `train()` and `eval()` may be a module's own and do more.
    """
    modules = list(network.modules())
    modes = [module.training for module in modules]
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices), torch.no_grad():
        try:
            for module in modules:
                module.training = False
            yield
        finally:
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode


def is_first_process() -> bool:
    """Whether this is the process of rank 0, or the only one."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


def plain_module(network: Any) -> Any:
    """The network inside what trains it: `torch.compile`'s module, DataParallel's, DistributedDataParallel's."""
    while True:
        wrapped = getattr(network, "_orig_mod", None)
        if wrapped is None and "DataParallel" in type(network).__name__ and "Sharded" not in type(network).__name__:
            wrapped = getattr(network, "module", None)
        if wrapped is None:
            return network
        network = wrapped


def is_sharded(network: Any) -> bool:
    """Whether the weights are divided among processes (FSDP, DeepSpeed's ZeRO 3): then no process can run it alone."""
    names = {type(each).__name__ for each in network.modules()} | {type(each).__name__ for each in network.parameters()}
    return bool(names & {"FullyShardedDataParallel", "DTensor"}) or any(
        hasattr(each, "ds_id") for each in network.parameters()
    )
