"""`presage.architecture.batch.shapes` compiled: the same rules, node by node."""

from __future__ import annotations

from presage.architecture.compiled.compiling import compiled
from presage.architecture.compiled.tables import Codes, Facts, FieldColumns, Graphs, Ints, Mask

__all__ = ["shape"]


@compiled
def _slid(side: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    span = side + 2 * padding - (kernel - 1) * max(dilation, 1) - 1
    if not ceil:
        return span // stride + 1
    up = -(-span // stride) + 1
    return up - 1 if (up - 1) * stride >= side + padding else up  # no window begins in the padding behind


@compiled
def _fit(
    first: int,
    last: int,
    graphs: Graphs,
    c: FieldColumns,
    facts: Facts,
    codes: Codes,
    channels: Ints,
    height: Ints,
    width: Ints,
    flat: Mask,
) -> bool:
    """Whether nodes `first` to `last` take what they read, and give something."""
    kinds, edge_start, edge_source = graphs.kind, graphs.edge_start, graphs.edge_source
    reads_map, reads_flat, pools = facts.reads_map, facts.reads_flat, facts.pools
    may_stretch, may_stack, groups_of, made, stop = facts.stretches, facts.stacks, c.groups, c.channels, c.stop
    kernel_h, padding_h, kernel_w, padding_w = c.kernel_h, c.padding_h, c.kernel_w, c.padding_w
    for r in range(first, last):
        kind, begin, end = kinds[r], edge_start[r], edge_start[r + 1]
        if channels[r] < 1 or height[r] < 1 or width[r] < 1:
            return False
        if begin == end:
            if kind != codes.image:
                return False
            continue
        s = edge_source[begin]
        if (reads_map[kind] and flat[s]) or (reads_flat[kind] and not flat[s]):
            return False
        groups = groups_of[r]
        if groups > 1 and (channels[s] % groups != 0 or made[r] % groups != 0):
            return False
        if kind == codes.slice and stop[r] > channels[s]:
            return False
        if pools[kind] and (2 * padding_h[r] > kernel_h[r] or 2 * padding_w[r] > kernel_w[r]):
            return False
        stretches, stacks = may_stretch[kind], may_stack[kind]
        for edge in range(begin, end if end - begin > 1 else begin):
            s = edge_source[edge]
            if flat[s] != flat[r]:
                return False
            if not stacks and channels[s] != channels[r] and not (stretches and channels[s] == 1):
                return False
            if height[s] != height[r] and not (stretches and height[s] == 1):
                return False
            if width[s] != width[r] and not (stretches and width[s] == 1):
                return False
    return True


@compiled
def shape(
    graphs: Graphs,
    c: FieldColumns,
    facts: Facts,
    codes: Codes,
    stated: Ints,
    image: tuple[int, int, int],
    begin: int,
    end: int,
    channels: Ints,
    height: Ints,
    width: Ints,
    flat: Mask,
) -> bool:
    """Fills in the shapes of the nodes of graphs `begin` to `end`; whether all take what they read."""
    kinds, edge_start, edge_source, slid = graphs.kind, graphs.edge_start, graphs.edge_source, facts.windowed
    stacks, stretches, flattens, adaptive = facts.stacks, facts.stretches, facts.flattens, facts.adaptive
    kernel_h, stride_h, padding_h, dilation_h = c.kernel_h, c.stride_h, c.padding_h, c.dilation_h
    kernel_w, stride_w, padding_w, dilation_w = c.kernel_w, c.stride_w, c.padding_w, c.dilation_w
    size_h, size_w, ceil = c.size_h, c.size_w, c.ceil
    first, last = graphs.node_start[begin], graphs.node_start[end]
    for r in range(first, last):
        kind, start, stop = kinds[r], edge_start[r], edge_start[r + 1]
        if start == stop:
            channels[r], height[r], width[r], flat[r] = image[0], image[1], image[2], False
        else:
            s = edge_source[start]
            made, h, w, is_flat = channels[s], height[s], width[s], flat[s]
            for edge in range(start + 1, stop):
                s = edge_source[edge]
                h, w, is_flat = max(h, height[s]), max(w, width[s]), is_flat or flat[s]
                if stacks[kind]:
                    made += channels[s]
                elif stretches[kind]:
                    made = max(made, channels[s])
            if flattens[kind]:
                made, h, w, is_flat = made * h * w, 1, 1, True
            elif slid[kind]:
                h = _slid(h, kernel_h[r], stride_h[r], padding_h[r], dilation_h[r], ceil[r] > 0)
                w = _slid(w, kernel_w[r], stride_w[r], padding_w[r], dilation_w[r], ceil[r] > 0)
            elif adaptive[kind]:
                h, w = size_h[r], size_w[r]
            channels[r], height[r], width[r], flat[r] = made if stated[r] <= 0 else stated[r], h, w, is_flat
    return _fit(first, last, graphs, c, facts, codes, channels, height, width, flat)
