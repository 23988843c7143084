"""Thousands of texts of architectures judged at once: what is surely canonical, and as what."""
