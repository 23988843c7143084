"""What a network is, without torch.

The two doors to torch lie in `presage.architecture.torch_bridge`: `build.build` (architecture → `nn.Module`) and
`trace.trace` (`nn.Module` → architecture). They are not named here, for nothing here imports torch.
"""

from __future__ import annotations

from presage.architecture.costs import Costs, costs
from presage.architecture.graph import Architecture, Node
from presage.architecture.serial import digest, dumps, from_json, loads, read_jsonl, to_json, write_jsonl
from presage.architecture.stages import bottlenecks, stage_ends

__all__ = [
    "Architecture",
    "Costs",
    "Node",
    "bottlenecks",
    "costs",
    "digest",
    "dumps",
    "from_json",
    "loads",
    "read_jsonl",
    "stage_ends",
    "to_json",
    "write_jsonl",
]
