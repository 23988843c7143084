"""The encoders compiled (numba, the extra `fast`): what `presage.architecture.encoders` computes, graph by graph.

The NumPy encoders are the reference: these are tested to be equal to them, and what learns reads those alone.
"""
