"""A worker process: ``python -m presage.training.worker`` answers calls on stdin, a line of JSON each, on stdout.

It is no copy of its parent, as those of `multiprocessing` are: a script that trains needs no ``if __name__`` guard. It
ends when its parent does, however that ends, and removes what is left to it then (`presage.training.orphans`).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from importlib import import_module
from queue import SimpleQueue

from presage.training.orphans import remove_orphaned

__all__ = ["main"]


def main() -> None:
    """Answer until stdin ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        request = json.loads(requests.get())
        try:
            call = getattr(import_module(request["module"]), request["function"])
            reply = {"answer": call(*request["arguments"])}
        except Exception as error:  # whatever a call does, the worker goes on
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"}
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def _listen(requests: SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        requests.put(line)
    remove_orphaned()
    os._exit(0)  # in the middle of a training, too: nobody waits for it


if __name__ == "__main__":
    main()
