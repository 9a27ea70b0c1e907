"""Several processes that train one network together, as ``torchrun`` starts them; or one alone."""

from __future__ import annotations

import os
from types import TracebackType

import torch
from torch import distributed, nn


class Group:
    """This process's place among those that train together; a context, whose end leaves the group.

    Each trains on its share of every batch, and all have the same gradients, so the same weights. ``rank`` 0 alone
    evaluates and writes. Without torchrun the group is one process, and nothing is sent.
    """

    def __init__(self, device: str | torch.device, rank: int = 0, size: int = 1) -> None:
        self.device, self.rank, self.size = torch.device(device), rank, size

    @staticmethod
    def join(device: str) -> Group:
        """Return the group that torchrun's environment tells of, on this process's own GPU if ``device`` is cuda."""
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return Group(device)
        own = torch.device(device)
        if own.type == "cuda":
            own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(own)
        distributed.init_process_group("nccl" if own.type == "cuda" else "gloo")
        return Group(own, rank, size)

    def __enter__(self) -> Group:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.size > 1:
            if error is None:
                distributed.barrier()  # a process that leaves while another still talks to it can abort the other
            distributed.destroy_process_group()

    def module(self, module: nn.Module) -> nn.Module:
        """Return the module whose backward pass averages gradients over the group."""
        return nn.parallel.DistributedDataParallel(module) if self.size > 1 else module

    def mean(self, value: float) -> float:
        """Return the average of a number over the group."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64 if self.device.type == "cpu" else torch.float32)
        total = total.to(self.device)
        distributed.all_reduce(total)
        return float(total) / self.size

    def first(self, value: float) -> float:
        """Return the number that rank 0 has, in all."""
        return self.mean(value * self.size if self.rank == 0 else 0.0)
