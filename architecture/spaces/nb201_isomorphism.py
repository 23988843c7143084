"""The classes of equal cells that NAS-Bench-201 itself counts: 6,466 among its 15,625 cells.

They are the column `unique_graph` of tables made from the benchmark. They are not the classes of `Architecture.hash`,
which tells networks apart by what they compute. The benchmark compares expressions as text (`to_unique_str` of its
published code; Dong & Yang 2020, arXiv 2001.00326, section 2.1), so that

- ``x + 0`` is another cell than ``x``, and sums whose terms are bracketed differently can be different cells, though
  they compute the same: seen so, the 15,625 cells are not 6,466 but 4,930 expressions;
- a convolution that is read twice is the same as two convolutions with weights of their own, though the number of
  weights differs: 430 of the 6,466 classes hold cells with different numbers of weights in use.

`Architecture.hash` gives 5,260 classes, one for each function (up to weights).
"""

from __future__ import annotations

from presage.architecture.spaces.nb201 import NB201

__all__ = ["isomorphism_class"]


def isomorphism_class(text: str) -> str:
    """A name of the class of a cell, given as the benchmark's string: equal for cells the benchmark counts as one.

    Raises:
        InvalidArchitecture: where the text is no such string.
    """
    chosen = NB201().from_string(text)
    values = ["0"]
    for target in (1, 2, 3):
        terms = []
        for source in range(target):
            operation, value = chosen[f"edge{source}to{target}"], values[source]
            if operation == "none" or value == "#":
                terms.append("#")
            elif operation == "skip_connect":
                terms.append(value)
            else:
                terms.append(f"({value})@{operation}")
        values.append("+".join(sorted(terms)))
    return values[-1]
