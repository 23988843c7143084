"""Which public networks presage traces: each built, traced, and held to its own parameters and torch's flop counter.

    python -m benchmarks.traced_networks docs/traced_networks.jsonl [NAME...] [--library timm]

One line a network, added to the file as soon as it is known; what the file has is not done again. Of torchvision every
classification network is tried, of timm one of each series (names alike but for what follows the first figure) of the
families (files of timm) that hold convolutional networks: one of each family first. `make docs` writes the page.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from presage.architecture import costs
from presage.architecture.torch_bridge.attention import attention_in
from presage.architecture.torch_bridge.trace import trace_module
from presage.architecture.torch_bridge.twin import first_taken, images_of
from presage.errors import InvalidArchitecture
from presage.network_names import named_modules

SIDES = (64, 96, 128, 160, 192, 224, 256, 299)
"""Sides of images, the first that a network takes: its graph is the same, and smaller images take less time."""
OTHERS = frozenset(
    """
    beit byoanet cait coat convit crossvit davit deepseek_vit deit efficientformer efficientformer_v2 efficientvim eva
    gcvit gemma4_vit hiera hieradet_sam2 levit maxxvit mlp_mixer mobilevit mvitv2 naflexvit nest pit pvt_v2 qwen3_vit
    sequencer swin_transformer swin_transformer_v2 swin_transformer_v2_cr tiny_vit tnt twins visformer
    vision_transformer vision_transformer_hybrid vision_transformer_relpos vision_transformer_sam vitamin volo xcit
    """.split()  # noqa: SIM905 # a list of so many lines says no more
)
"""Files of timm whose networks are transformers, perceptrons or recurrent ones, or join attention to convolutions."""
SIZES = (
    *("zepto", "atto", "femto", "pico", "nano", "xxs", "xs", "xx", "x", "s", "t", "tiny", "small", "m", "medium"),
    *("mci0", "l", "base", "b", "large", "xl", "xlarge", "xxl", "xxlarge", "huge"),
)
"""How sizes are called, in order: of a series, the smallest is tried."""


@dataclass(frozen=True)
class Outcome:
    """What came of one network.

    Attributes:
        library, family, name: whose it is.
        side: of the images that it was traced at.
        parameters, multiply_adds: of the graph, for its own classes; 0 where it was refused.
        outcome: `traced` (parameters, multiply-adds and logits equal), `attention`, or `refused`.
        said: the reason, or notes.
    """

    library: str
    family: str
    name: str
    side: int
    parameters: int
    multiply_adds: int
    outcome: str
    said: str


def families() -> Iterator[tuple[str, str, str]]:
    """Library, family and name of the networks to try, in order."""
    import timm
    from timm.models import _registry

    for named in named_modules("torchvision:*"):
        yield "torchvision", "", named.name.partition(":")[2]
    series: dict[tuple[str, str], str] = {}
    for name in sorted(timm.list_models(), key=_size):
        family = str(_registry._model_to_module[name])
        words = [word for word in re.split(r"\d", name)[0].split("_") if word not in SIZES]
        if family not in OTHERS:
            series.setdefault((family, "_".join(words)), name)
    first: dict[str, str] = {}
    for (family, _), name in series.items():
        first.setdefault(family, name)
    chosen = list(first.items())
    chosen += [(family, name) for (family, _), name in series.items() if first[family] != name]
    for family, name in chosen:
        yield "timm", family, name


def _size(name: str) -> int:
    return min((SIZES.index(word) for word in name.split("_") if word in SIZES), default=SIZES.index("m"))


def outcome(library: str, family: str, name: str) -> Outcome:
    """Build, trace and compare one network."""
    (named,) = named_modules(f"{library}:{name}")
    module = named.make().eval()
    shape = first_taken(module, [(3, side, side) for side in SIDES]) or (3, SIDES[-1], SIDES[-1])
    try:
        traced = trace_module(module, shape)
    except InvalidArchitecture as error:
        kind = "refused" if attention_in(module, images_of(shape)) is None else "attention"
        return Outcome(library, family, name, shape[1], 0, 0, kind, str(error).partition(": ")[2])
    found = costs(traced.architecture, shape, traced.classes)
    wrong = _differs(module, shape, found.parameters, found.multiply_adds, traced.sources)
    said = wrong or "; ".join(traced.notes)
    kind = "refused" if wrong else "traced"
    return Outcome(library, family, name, shape[1], found.parameters, found.multiply_adds, kind, said)


def _differs(
    module: nn.Module, shape: tuple[int, int, int], parameters: int, multiply_adds: int, sources: object
) -> str:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(images_of(shape))
    counted = counter.get_total_flops() // 2 // len(images_of(shape))
    held = {source.tensor for each in sources for source in each}
    own = sum(parameter.numel() for key, parameter in module.named_parameters() if key in held)
    if own != parameters:
        return f"{parameters:,} parameters in the graph, {own:,} in the module"
    if counted != multiply_adds:
        return f"{multiply_adds:,} multiply-adds in the graph, {counted:,} by torch's flop counter"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--library", choices=("torchvision", "timm"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    done = set()
    if options.file.exists():
        done = {(one["library"], one["name"]) for one in map(json.loads, options.file.read_text().splitlines())}
    for library, family, name in families():
        asked = (not options.names or name in options.names) and options.library in (None, library)
        if not asked or (library, name) in done:
            continue
        began = time.process_time()
        found = outcome(library, family, name)
        with options.file.open("a") as file:
            file.write(json.dumps(asdict(found)) + "\n")
        print(f"{library}:{name}", found.outcome, found.said, f"{time.process_time() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
