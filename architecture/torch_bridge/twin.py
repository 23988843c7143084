"""A copy of a torch module to run: on the CPU, in float32, without wrappers, its weights such that each part shows."""

from __future__ import annotations

import contextlib
import copy
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import UninitializedBuffer, is_lazy

from presage.errors import InvalidArchitecture

__all__ = [
    "BATCH",
    "eager",
    "first_taken",
    "images_of",
    "on_meta",
    "other_images_of",
    "prepared",
    "statistics",
    "unwrapped",
]

BATCH = 2
"""Images that are run together: more than one, so that ``squeeze()`` leaves the batch alone."""
_LEARNED_SPREAD = (0.5, 1.5)


def unwrapped(module: nn.Module) -> nn.Module:
    """The network itself, out of `DataParallel`, `DistributedDataParallel` and `torch.compile`.

    Raises:
        InvalidArchitecture: a TorchScript program.
    """
    while True:
        if isinstance(module, torch.jit.ScriptModule):
            raise InvalidArchitecture(
                "A TorchScript program cannot be traced: its steps are no longer torch's own. Give the module it was "
                "made from."
            )
        inner = getattr(module, "_orig_mod", None)
        if inner is None and isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def images_of(shape: Sequence[int]) -> Tensor:
    """(BATCH, c, h, w) random images, the same each time."""
    return torch.randn((BATCH, *shape), generator=torch.Generator().manual_seed(1))


def other_images_of(shape: Sequence[int], batch: int) -> Tensor:
    """(batch, c, h, w) random images of other values, of another mean and spread too."""
    drawn = torch.randn((batch, *shape), generator=torch.Generator().manual_seed(2))
    return 0.5 + 1.7 * drawn


def prepared(module: nn.Module, shape: Sequence[int]) -> nn.Module:
    """A copy in evaluation whose lazy layers know their sizes, with weights under which each part shows in the logits:
    scales and shifts that begin at 0 or 1 are drawn anew, statistics are those of random images.

    Raises:
        InvalidArchitecture: where it cannot be copied, or has a TorchScript program within.
        Exception: whatever the module's own code raises when lazy layers are first run.
    """
    scripted = next((name for name, part in module.named_modules() if isinstance(part, torch.jit.ScriptModule)), None)
    if scripted is not None:
        raise InvalidArchitecture(f"its part `{scripted}` is a TorchScript program, whose steps are not torch's own")
    _refuse_overlaps(module)
    try:
        with eager():
            twin = _copied(module)
    except Exception as error:  # a module's own __deepcopy__, or torch: tensors that are no parameters
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidArchitecture(f"it cannot be copied: {reason[:200]}") from None
    twin.eval()
    if any(tensor.is_meta for tensor in (*twin.parameters(), *twin.buffers()) if not is_lazy(tensor)):
        twin = twin.to_empty(device="cpu")
        for tensor in (*twin.parameters(), *twin.buffers()):
            tensor.data.zero_()
        for part in twin.modules():
            if isinstance(part, _BatchNorm):
                part.reset_running_stats()
    twin = twin.to("cpu").float()
    with torch.no_grad(), eager():
        if any(is_lazy(tensor) for tensor in (*twin.parameters(), *twin.buffers())):
            twin(images_of(shape))
        _randomise(twin)
        _calibrate(twin, shape)
    return twin


def _refuse_overlaps(module: nn.Module) -> None:
    """Two parameters over one memory are one to a training, and two to whoever counts them."""
    ends: dict[int, list[tuple[int, int, str]]] = {}
    for name, tensor in module.named_parameters():
        if not is_lazy(tensor) and not tensor.is_meta and tensor.numel() and tensor.is_contiguous():
            start = tensor.data_ptr()
            stop = start + tensor.numel() * tensor.element_size()
            ends.setdefault(tensor.untyped_storage().data_ptr(), []).append((start, stop, name))
    for held in ends.values():
        for (_, stop, first), (start, _, second) in pairwise(sorted(held)):
            if start < stop:
                raise InvalidArchitecture(
                    f"its parameters `{first}` and `{second}` share memory: make them one parameter, or copy one"
                )


def _copied(module: nn.Module) -> nn.Module:
    """A copy; tensors that torch's older weight and spectral normalisations keep beside parameters are copied too."""
    kept = [held for part in module.modules() for held in vars(part).values() if isinstance(held, Tensor)]
    memo: dict[int, Tensor] = {id(held): held.detach().clone() for held in kept if not held.is_leaf}
    lazy = [buffer for buffer in module.buffers() if isinstance(buffer, UninitializedBuffer)]
    return copy.deepcopy(module, memo | {id(buffer): UninitializedBuffer() for buffer in lazy})


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """For code that is not ours: what is compiled (`torch.compile`) runs as it is written, torch's global generator is
    left as it was, what is printed goes to stderr, and who would end the program has failed.

    Raises:
        RuntimeError: the code within raised `SystemExit`, or another exception that is none of `Exception`.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        stack.enter_context(torch.random.fork_rng(devices=[]))
        if "torch._dynamo" in sys.modules:  # nothing is compiled before; its import takes seconds
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        torch.manual_seed(0)
        try:
            yield
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as problem:
            raise RuntimeError(f"it raises {type(problem).__name__}, which would end the program") from None


def _randomise(twin: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    for parameter in twin.parameters():
        values = parameter.data
        spread = values.std(correction=0) if values.numel() > 1 else torch.zeros(())
        if values.dim() > 1 and bool(spread > 0) and bool(torch.isfinite(spread)):
            continue  # drawn already, or trained
        if values.dim() > 1 and values[0].numel() > 1 and not bool(values.any()):
            nn.init.kaiming_normal_(values, nonlinearity="relu", generator=generator)
        elif values.numel() > 1 and not bool(values.any()):
            values.normal_(0, 0.1, generator=generator)
        else:
            values.uniform_(*_LEARNED_SPREAD, generator=generator)


def _calibrate(twin: nn.Module, shape: Sequence[int]) -> None:
    """Running statistics of random images: signals keep their size, so that a wrong graph shows."""
    norms = [part for part in twin.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    momenta = [part.momentum for part in norms]
    for part in norms:
        part.train()
        part.momentum = 1.0
    with contextlib.suppress(Exception):  # whatever it is, it is raised again, and said, when the module is traced
        if norms:
            twin(images_of(shape))
    for part, momentum in zip(norms, momenta, strict=True):
        part.eval()
        part.momentum = momentum
        assert part.running_mean is not None
        assert part.running_var is not None
        part.running_mean.nan_to_num_(0.0, 0.0, 0.0)
        part.running_var.nan_to_num_(1.0, 1.0, 1.0).clamp_(min=1e-3)


@torch.no_grad()
def statistics(module: nn.Module, images: Tensor) -> frozenset[str]:
    """Names of buffers that a pass in training changes, but those of torch's own layers: running means of somebody's
    own normalisation look like constants in evaluation. The module is left as it was."""
    of_torch = {
        f"{name}.{key}".lstrip(".")
        for name, part in module.named_modules()
        if type(part).__module__.startswith("torch.nn.") or isinstance(part, _BatchNorm)
        for key, _ in part.named_buffers(recurse=False)
    }
    others = [name for name, _ in module.named_buffers() if name not in of_torch]
    if not others:
        return frozenset()
    kept = {name: (tensor, tensor.clone()) for name, tensor in module.named_buffers()}
    modes = [(part, part.training) for part in module.modules()]
    module.train()
    with contextlib.suppress(Exception):  # the module's own code: it may refuse to be trained so
        module(images)
    for part, mode in modes:
        part.training = mode
    now = dict(module.named_buffers())
    changed = [name for name in others if name not in now or not torch.equal(now[name], kept[name][1])]
    for name, (tensor, before) in kept.items():
        owner, _, own = name.rpartition(".")
        module.get_submodule(owner)._buffers[own] = tensor.copy_(before)
    return frozenset(changed)


def first_taken(module: nn.Module, shapes: Iterable[tuple[int, int, int]]) -> tuple[int, int, int] | None:
    """The first of these image shapes (c, h, w) that a module takes; it is run without numbers. None: none of them."""
    module = unwrapped(module)
    for shape in shapes:
        with contextlib.suppress(Exception), torch.no_grad(), eager():  # the module's own code may raise anything
            twin, images = on_meta(module, shape)  # each time anew: lazy layers take their sizes once
            twin(images)
            return shape
    return None


def on_meta(module: nn.Module, shape: Sequence[int]) -> tuple[nn.Module, Tensor]:
    """A copy in evaluation that is run without numbers, and such images of a shape (c, h, w) for it."""
    return _copied(module).eval().to("meta"), torch.empty((BATCH, *shape), device="meta")
