"""`proxies`: the zero-cost proxies of one network on one minibatch, finite whatever the network does."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from presage.architecture.graph import Architecture
from presage.architecture.torch_bridge.build import build
from presage.surrogate.proxies.minibatch import Minibatch
from presage.surrogate.proxies.registry import WORST, checked_names, get_proxy
from presage.surrogate.proxies.subject import NoValue, Subject
from presage.training.failures import failure_of
from presage.training.hardware import choose_device
from presage.training.loop import fixed_randomness

__all__ = ["Measured", "measure", "proxies"]

_BUILD, _MEASURE = 11, 12  # streams of randomness


@dataclass(frozen=True)
class Measured:
    """One zero-cost proxy of one network. No accuracy.

    Attributes:
        value: larger is better; `WORST` where it has no finite value.
        failure: why it has none, one line; None where it has.
    """

    value: float
    failure: str | None = None


def proxies(
    network: Architecture | nn.Module,
    data: Minibatch,
    *,
    names: Iterable[str] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> dict[str, float]:
    """Zero-cost proxies by name, finite, larger is better: the values of `measure`."""
    return {name: one.value for name, one in measure(network, data, names=names, seed=seed, device=device).items()}


def measure(
    network: Architecture | nn.Module,
    data: Minibatch,
    *,
    names: Iterable[str] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> dict[str, Measured]:
    """Zero-cost proxies of a network, each with the reason where it has no value.

    A module is copied first and torch's generators are put back: neither weights, statistics of batch normalisation nor
    anybody's random numbers are changed. The value of a proxy does not depend on which others are asked for.

    Args:
        network: an architecture, freshly initialised by `seed`; or a module, whose weights are taken as they are.
        data: the minibatch, of any device.
        names: of `PROXIES`; all by default.
        seed: of the initial weights, and of Zen's noise.
        device: where it is measured.

    Raises:
        UnknownName: for a name that is no proxy.
        InvalidArchitecture: for an architecture that cannot be built for these images.
    """
    chosen = checked_names(names)
    target = choose_device(device)
    with torch.inference_mode(False), torch.enable_grad():
        return _measured(network, data, chosen, seed, target)


def _measured(
    network: Architecture | nn.Module, data: Minibatch, names: Iterable[str], seed: int, device: torch.device
) -> dict[str, Measured]:
    try:
        subject = Subject(_own(network, data, seed, device), data.to(device))
    except Exception as error:
        return dict.fromkeys(names, _failed(error))
    found = {}
    for name in names:
        function = get_proxy(name)
        try:
            with fixed_randomness(seed, device, _MEASURE):
                value = function(subject)
        except NoValue as error:
            found[name] = Measured(WORST, str(error))
        except Exception as error:
            found[name] = _failed(error)
        else:
            found[name] = Measured(value) if math.isfinite(value) else Measured(WORST, f"its value is {value}")
    return found


def _own(network: Architecture | nn.Module, data: Minibatch, seed: int, device: torch.device) -> nn.Module:
    if isinstance(network, nn.Module):
        own = copy.deepcopy(network).float()
    else:
        with fixed_randomness(seed, device, _BUILD):
            own = build(network, data.input_shape, data.classes)
    moved: nn.Module = own.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def _failed(error: Exception) -> Measured:
    """What is recorded for an exhausted memory; any other error is the caller's."""
    failure = failure_of(error)
    if failure is None:
        raise error
    return Measured(WORST, f"{failure[0].replace('_', ' ')}: {failure[1]}")
