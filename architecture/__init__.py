"""The architecture floor of presage."""
