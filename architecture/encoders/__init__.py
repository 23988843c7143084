"""Encoders: pure functions of the graph that turn architectures into numbers a predictor learns from."""
