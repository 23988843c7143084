"""Labelled images from any source, as one record: read, checked, split and known by their content."""
