"""Trained networks made larger: what they compute stays, until they are trained on."""
