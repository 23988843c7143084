"""A trained network in hand: saved, loaded, asked about images, and exported to run without presage."""
