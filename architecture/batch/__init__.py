"""Many networks as flat arrays: shapes, costs and recurrences of all of them at once."""
