"""Trained networks with fewer channels, or fewer weights."""
