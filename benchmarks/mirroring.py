"""Whether images may be mirrored, told by a network that never saw a mirror image: how much of its accuracy remains.

    python benchmarks/mirroring.py DATASET...

A probe net is trained on each dataset, unmirrored, and scored on validation images as they are and mirrored. Printed
are the shares that remain, of its accuracy beyond chance and of the class that loses most: what
`presage.training.mirroring` decides by, there with the networks of the short-list.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from presage.output import table
from presage.probe import PROBE_RECIPE
from presage.probe.run import trained_probe
from presage.training import load_dataset
from presage.training.mirroring import SAFE_CLASS, SAFE_SHARE, mirroring


def main() -> None:
    rows = []
    for path in sys.argv[1:]:
        net, data, _ = trained_probe(load_dataset(path), PROBE_RECIPE, 0, torch.device("cpu"))
        found = mirroring([net], data)
        rows.append(
            (
                Path(path).stem,
                f"{found.accuracy:.3f}",
                f"{found.mirrored:.3f}",
                f"{found.kept:.2f}",
                f"{found.worst_class:.2f}",
            )
        )
        print(*rows[-1], file=sys.stderr, flush=True)
    rows.sort(key=lambda row: -float(row[3]))
    print(
        table(
            ("dataset", "accuracy", "mirrored", f"kept (safe from {SAFE_SHARE})", f"worst class ({SAFE_CLASS})"), rows
        )
    )


if __name__ == "__main__":
    main()
