"""Predictions of recurrent cells: how good one is beside others of the same text, before it is trained."""
