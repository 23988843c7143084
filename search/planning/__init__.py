"""Time as the budget: what a search can do in so many seconds on this machine, and keeping to it."""
