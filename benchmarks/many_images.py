"""How long a folder of many JPEG files takes to read, first and again, and in how much memory.

    python -m benchmarks.many_images [--images 100000] [--side 224]

Makes the folder anew in a temporary place: 1,000 pictures of shapes and noise (about 11 kB each at 224 pixels) in 10
classes, under as many names as are asked for (links to one file are read as so many files). Each reading is a process
of its own, that tells its processor seconds and the most memory that was resident, mapped pages of the cache among it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

PICTURES, CLASSES = 1_000, 10
READ = """
import json, resource, sys, time
from pathlib import Path
from presage.training.datasets.loading import load_dataset
began, told = time.process_time(), []
dataset = load_dataset(sys.argv[1], cache=Path(sys.argv[2]), on_progress=lambda done, of: told.append((done, of)))
read = time.process_time() - began
fingerprint = dataset.fingerprint
print(json.dumps({
    "images": len(dataset.x_train) + len(dataset.x_test), "read_seconds": round(read, 1), "told": len(told),
    "with_fingerprint_seconds": round(time.process_time() - began, 1), "fingerprint": fingerprint,
    "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
"""


def pictures(folder: Path, side: int) -> list[Path]:
    """Files of `PICTURES` JPEG images of shapes on noise."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(PICTURES):
        noise = rng.normal(128, 24, (side, side, 3)).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(noise)
        draw = ImageDraw.Draw(image)
        for _ in range(6):
            x, y, size = (int(value) for value in rng.integers(0, side, 3))
            draw.ellipse((x, y, x + size, y + size), fill=tuple(int(value) for value in rng.integers(0, 256, 3)))
        found.append(folder / f"{number}.jpg")
        image.save(found[-1], quality=75)
    return found


def make(root: Path, images: int, side: int) -> int:
    """A folder of class folders; gives the mean bytes of a file."""
    originals = root / "originals"
    originals.mkdir()
    files = pictures(originals, side)
    for number in range(images):
        place = root / "many" / f"class{number % CLASSES}"
        if number < CLASSES:
            place.mkdir(parents=True)
        os.link(files[number % PICTURES], place / f"{number}.jpg")
    return sum(file.stat().st_size for file in files) // len(files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=224)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        mean = make(root, options.images, options.side)
        print(f"{options.images:,} files of {options.side} pixels, {mean:,} bytes each")
        time.sleep(3)  # what changed just now is not kept
        seen = set()
        for name in ("first", "again"):
            words = [sys.executable, "-c", READ, str(root / "many"), str(root / "cache")]
            found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
            seen.add(found.pop("fingerprint"))
            print(f"{name}: {json.dumps(found)}", flush=True)
        assert len(seen) == 1, "read again, the images are others"


if __name__ == "__main__":
    main()
