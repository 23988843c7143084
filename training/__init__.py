"""The training floor of presage."""
