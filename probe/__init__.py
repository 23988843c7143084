"""The probe floor of presage."""
