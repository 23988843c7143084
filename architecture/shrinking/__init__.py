"""Smaller versions of a network, as graphs: fewer channels, fewer blocks, cheaper blocks."""
