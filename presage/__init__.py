"""The presage floor of presage."""
