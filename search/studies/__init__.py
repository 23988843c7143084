"""The two studies of a search and what feeds them: candidates within limits, predicted, short-listed."""
