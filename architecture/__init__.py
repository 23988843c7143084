"""Floor 0: what a network is, without torch.

The two doors to torch are modules of their own: `architecture.build.build` (architecture → `nn.Module`) and
`architecture.trace.trace` (`nn.Module` → architecture). They are not named here: a function would hide its module.
"""

from __future__ import annotations

from architecture.canonical import canonicalise
from architecture.costs import Costs, costs
from architecture.graph import Architecture, Node
from architecture.serial import digest, dumps, from_json, loads, read_jsonl, to_json, write_jsonl
from architecture.stages import bottlenecks, stage_ends

__all__ = [
    "Architecture",
    "Costs",
    "Node",
    "bottlenecks",
    "canonicalise",
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
