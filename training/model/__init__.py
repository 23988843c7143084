"""A trained network in hand: saved, loaded, asked about images, and exported to run without presage."""

FORMAT = "presage-network"
"""Of the JSON beside a trained network: its architecture with all that it was bound to."""
