"""Where a network can be cut in two: the nodes that every path from the image to the classifier goes through."""

from __future__ import annotations

from presage.architecture.graph import Architecture

__all__ = ["bottlenecks", "stage_ends"]


def bottlenecks(architecture: Architecture) -> tuple[int, ...]:
    """Nodes, the input and the classifier left out, that every path from input to classifier goes through, in order."""
    nodes = architecture.nodes
    live = _live(architecture)
    found, reach = [], 0  # reach: the furthest node that reads any live node seen so far
    furthest = [0] * len(nodes)
    for index, node in enumerate(nodes):
        if live[index]:
            for source in node.inputs:
                furthest[source] = index
    for index in range(len(nodes) - 1):
        if not live[index]:
            continue
        # no live edge jumps over this node: everything later is computed from it alone
        if index > 0 and reach <= index:
            found.append(index)
        reach = max(reach, furthest[index])
    return tuple(found)


def stage_ends(architecture: Architecture, most: int = 6) -> tuple[int, ...]:
    """At most `most` natural places to read out a prefix of the network, evenly spread by depth.

    Each is the last bottleneck of its depth (say the activation that ends a residual block), behind at least one
    weighted layer. What the classifier itself reads is left out: its accuracy is the network's own.
    """
    nodes = architecture.nodes
    depths = [0] * len(nodes)
    for index, node in enumerate(nodes):
        depths[index] = max((depths[source] for source in node.inputs), default=0) + node.operation.weighted
    last = {depths[node]: node for node in bottlenecks(architecture) if not nodes[node].operation.flattens}
    ends = [(depth, node) for depth, node in last.items() if 0 < depth < depths[-1] - 1]
    chosen: list[tuple[int, int]] = []
    for step in range(1, min(most, len(ends)) + 1):
        target = depths[-1] * step / (min(most, len(ends)) + 1)
        left = [end for end in ends if end not in chosen]
        chosen.append(min(left, key=lambda end: (abs(end[0] - target), end)))
    return tuple(sorted(node for _, node in chosen))


def _live(architecture: Architecture) -> list[bool]:
    nodes = architecture.nodes
    live = [False] * len(nodes)
    live[-1] = True
    for index in range(len(nodes) - 1, 0, -1):
        if live[index]:
            for source in nodes[index].inputs:
                live[source] = True
    return live
