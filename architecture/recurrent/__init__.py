"""Recurrent cells: what a network for sequences does at each step, as a graph, without torch.

`presage.architecture.torch_bridge.recurrent` makes the module of one.
"""
