"""One graph for all ways of writing one function: value numbering, labels, canonical form."""
