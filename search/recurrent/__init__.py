"""Searches of recurrent cells on a text: by trained score, and on shared weights."""
