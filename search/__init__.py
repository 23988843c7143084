"""The search floor of presage."""
