"""The final training: what a search found, trained by a recipe that a user would ship, its rates tuned before."""
