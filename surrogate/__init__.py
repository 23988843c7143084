"""The surrogate floor of presage."""
