"""Fused training steps for a CPU: batch norm with its activation, and the sum of residual blocks.

torch makes a pass over memory for each small operation between two convolutions. These passes take most of a training
step, more than the convolutions. `fuse` replaces them by a few C++ functions, which write no intermediate tensors. They
work on bfloat16 if the recipe has it, and are compiled for this machine in some seconds.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from quantize.layers import Conv, Dense, MaxPool, Residual, Ternary

SOURCE = Path(__file__).with_suffix(".cpp")
PLAIN, RELU, TERNARY = 0, 1, 2


class CompilerError(RuntimeError):
    """There is no C++ compiler, or it refused the source. The message is one sentence."""


@functools.cache
def library() -> ctypes.CDLL:
    """Return the compiled functions.

    Raises
    ------
    CompilerError
        If there is no compiler, or it fails.
    """
    names = [os.environ["CXX"]] if "CXX" in os.environ else ["c++", "g++", "clang++"]
    compiler = next((found for found in map(shutil.which, names) if found), None)
    if compiler is None:
        raise CompilerError(f"--compile needs a C++ compiler; none of {', '.join(names)} is found")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fused.so"
        options = ["-O3", "-march=native", "-fopenmp", "-shared", "-fPIC", "-o", str(file), str(SOURCE)]
        done = subprocess.run([compiler, *options], capture_output=True, text=True)
        if done.returncode:
            raise CompilerError(f"{compiler}: {(done.stderr.strip() or 'failed').splitlines()[0]}")
        loaded = ctypes.CDLL(str(file))
    for name in ("add_float32", "add_bfloat16"):
        getattr(loaded, name).restype = ctypes.c_float
    return loaded


def fuse(model: nn.Module) -> None:
    """Make the model use the compiled functions for its batch norms and residual sums, on the CPU, from now on.

    Its modules, parameters and buffers stay the same. An activation that is fused into a batch norm then only passes
    values on. An activation with another gradient or scale than the compiled ones is left alone.
    """
    library()
    for module in list(model.modules()):
        if isinstance(module, nn.ModuleList):
            _fuse_layers(list(module))
    for module in model.modules():
        if isinstance(module, Residual):
            module.add = functools.partial(_add, module)  # type: ignore[method-assign]
            if isinstance(module.body[0].forward, _Norm):
                module.enter = module.body[0].forward.fork  # type: ignore[method-assign]
            if isinstance(module.body[-1], Conv):
                module.body[-1].wide = False


def _fuse_layers(layers: Sequence[nn.Module]) -> None:
    for index, layer in enumerate(layers):
        after = [*layers[index + 1 :], None, None]
        if isinstance(layer, Conv) and isinstance(_not_pool(after), nn.BatchNorm2d):
            layer.wide = False
        if isinstance(layer, nn.BatchNorm2d):
            kind, activation = _kind(after[0]), after[0]
            narrow = kind == TERNARY or kind == RELU and isinstance(after[1], Conv | Dense)
            layer.forward = _Norm(layer, activation, kind, narrow)  # type: ignore[assignment, method-assign]
            if kind != PLAIN:
                assert activation is not None
                activation.forward = _pass_on


def _not_pool(layers: Sequence[nn.Module | None]) -> nn.Module | None:
    return next(layer for layer in layers if not isinstance(layer, MaxPool))


def _kind(activation: nn.Module | None) -> int:
    if isinstance(activation, nn.ReLU):
        return RELU
    if isinstance(activation, Ternary) and (activation.gradient, activation.scale) == ("straight_through", "one"):
        return TERNARY
    return PLAIN


def _pass_on(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True)
class _Norm:
    """A batch norm with the activation after it. If it is ``narrow``, it returns bfloat16 under autocast."""

    norm: nn.BatchNorm2d
    activation: nn.Module | None
    kind: int
    narrow: bool

    def __call__(self, x: Tensor) -> Tensor:
        return self.fork(x)[0]

    def fork(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output, and ``x`` for other readers. The backward pass adds the gradients of both."""
        norm, dtype = self.norm, torch.bfloat16 if self.narrow and torch.is_autocast_enabled("cpu") else torch.float32
        if norm.training:
            forked: tuple[Tensor, Tensor] = _Normalise.apply(x, norm.weight, norm.bias, self, dtype)
            return forked
        assert norm.running_mean is not None and norm.running_var is not None
        factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        offset = norm.bias - norm.running_mean * factor
        delta = float(self.activation.delta) if isinstance(self.activation, Ternary) else 0.0
        x = _dense(x)
        y = _empty(x, dtype)
        _call("norm_apply", x, y, *_shape(x), factor, offset, ctypes.c_float(delta), self.kind, y)
        return y, x


class _Normalise(torch.autograd.Function):
    """Batch norm in training and the activation after it; updates the running statistics of both."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, fused: _Norm, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        norm, activation = fused.norm, fused.activation
        assert norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None
        assert norm.num_batches_tracked is not None
        dense = _dense(x)
        y, held = _empty(x, dtype), torch.empty(4, x.shape[1])
        delta, running, momentum = torch.zeros(()), False, 0.0
        if fused.kind == TERNARY and isinstance(activation, Ternary):
            delta, running, momentum = activation.delta, activation.running, activation.momentum
        _call("norm_forward", x, y, *_shape(dense), weight, bias, norm.running_mean, norm.running_var,
              ctypes.c_float(norm.momentum), ctypes.c_float(norm.eps), delta, int(running), ctypes.c_float(momentum),
              fused.kind, y, held)
        norm.num_batches_tracked.add_(1)
        ctx.save_for_backward(dense, held)
        ctx.kind = fused.kind
        ctx.set_materialize_grads(False)
        return y, x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, more: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad is None:
            return more, None, None, None, None
        x, held = ctx.saved_tensors
        grad, more = _dense(grad), None if more is None else _dense(more)
        given, grad_weight, grad_bias = _empty(x, x.dtype), torch.empty(x.shape[1]), torch.empty(x.shape[1])
        _call("norm_backward", x, grad, x, grad, *_shape(x)[1:], held, ctx.kind, grad_weight, grad_bias, more, given)
        return given, grad_weight, grad_bias, None, None


def _add(block: Residual, x: Tensor, shortcut: Tensor) -> Tensor:
    if not block.training:
        return x + shortcut
    total: Tensor = _Add.apply(x, shortcut, block.sum.peak)
    return total


class _Add(torch.autograd.Function):
    """The sum of a block's body, of any type, and its shortcut in float32; keeps the running maximum ``peak``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shortcut: Tensor, peak: Tensor) -> Tensor:
        x, shortcut = _dense(x), _dense(shortcut)
        total = _empty(x, torch.float32)
        add = getattr(library(), f"add_{_name(x)}")
        largest = add(*map(_argument, (x, shortcut, ctypes.c_int64(x.numel()), torch.get_num_threads(), total)))
        peak.copy_((peak * 0.995).clamp_min(largest))
        ctx.dtype = x.dtype
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        return grad.to(ctx.dtype), grad, None


def _dense(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _empty(like: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.empty_like(like, dtype=dtype, memory_format=torch.channels_last)


def _shape(x: Tensor) -> tuple[Any, ...]:
    """Return the arguments that begin every call: values, rows, channels, threads."""
    channels = x.shape[1]
    return x, ctypes.c_int64(x.numel() // channels), ctypes.c_int64(channels), torch.get_num_threads()


def _name(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def _call(function: str, x: Tensor, y: Tensor, *arguments: Any) -> None:
    """Call the form of a function for the types of ``x`` and ``y``."""
    getattr(library(), f"{function}_{_name(x)}_{_name(y)}")(*map(_argument, arguments))


def _argument(value: Any) -> Any:
    return ctypes.c_void_p(value.data_ptr()) if isinstance(value, Tensor) else value
