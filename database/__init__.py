"""The database floor of presage."""
