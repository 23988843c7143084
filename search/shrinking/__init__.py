"""Smaller versions of a user's network within limits: proposed, short-listed, and told of."""
