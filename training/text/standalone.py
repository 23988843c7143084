"""A trained network for text that needs torch, safetensors and this folder alone. To use it:

    python model.py "Once upon a time" [symbols] [temperature] [seed]

or, in Python, ``load(folder)`` gives a `TextNetwork`, and `generate` goes on with a text. Written by presage.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

WORD = re.compile(r"\n|[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")
CLOSES, OPENS = ".,;:!?)]}…%’”", "([{¿¡“„"


class TextNetwork:
    """Symbols in, logits of the symbol after each out; states are handed from call to call.

    Args:
        described: what `model.json` holds.
        weights: what `weights.safetensors` holds.
    """

    def __init__(self, described: dict[str, Any], weights: dict[str, Tensor]) -> None:
        self.symbols: list[str] = described["symbols"]
        self.words: int = described["words"]
        self.nodes: list[dict[str, Any]] = described["cell"]["nodes"]
        self.weights = weights
        self.states = len(self.nodes[-1]["inputs"])
        self.place = {symbol: at for at, symbol in enumerate(self.symbols)}

    def encode(self, text: str) -> list[int]:
        """A text as numbers of symbols; 0 is what the training text did not hold."""
        return [self.place.get(piece, 0) for piece in (WORD.findall(text) if self.words else text)]

    def start(self, batch: int = 1) -> list[Tensor]:
        """States before the first symbol."""
        hidden = self.weights["classifier.weight"].shape[1]
        return [torch.zeros(batch, hidden) for _ in range(self.states)]

    def step(self, symbols: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Symbols (b) and states (b, h) → logits (b, k) and the states after them."""
        values: list[Tensor] = []
        for at, node in enumerate(self.nodes):
            read = [values[source] for source in node["inputs"]]
            kind = node["op"]
            if kind == "cell_input":
                made = F.embedding(symbols, self.weights["embedding"])
            elif kind == "state":
                made = states[node["index"]]
            elif kind == "matrix":
                made = sum(
                    (
                        value @ self.weights[f"matrix.{at}.{source}"].T
                        for source, value in zip(node["inputs"], read, strict=True)
                    ),
                    self.weights.get(f"bias.{at}", torch.zeros(())),
                )
            elif kind == "activation":
                made = getattr(torch, node["function"])(read[0])
            elif kind == "add":
                made = torch.stack(read).sum(0)
            elif kind == "mean":
                made = torch.stack(read).mean(0)
            elif kind == "product":
                made = read[0] * read[1]
            elif kind == "blend":
                made = read[0] * read[1] + (1 - read[0]) * read[2]
            else:  # cell_output
                logits = F.linear(read[0], self.weights["classifier.weight"], self.weights["classifier.bias"])
                return logits, read
            values.append(made)
        raise ValueError("the cell has no output")


def load(folder: str | Path) -> TextNetwork:
    """The network of a folder that presage wrote."""
    described = json.loads((Path(folder) / "model.json").read_text(encoding="utf-8"))
    return TextNetwork(described, load_file(Path(folder) / "weights.safetensors"))


@torch.no_grad()
def generate(network: TextNetwork, prompt: str, count: int = 400, temperature: float = 0.8, seed: int = 0) -> str:
    """`count` symbols that go on from a prompt, each drawn from what the network gives; 0 takes the likeliest."""
    generator = torch.Generator().manual_seed(seed)
    states, found = network.start(), []
    for symbol in network.encode(prompt or "\n") or [0]:
        logits, states = network.step(torch.tensor([symbol]), states)
    for _ in range(count):
        logits[0, 0] = -torch.inf  # the unknown symbol
        if temperature > 0:
            share = F.softmax(logits[0] / temperature, dim=0)
            symbol = int(torch.multinomial(share, 1, generator=generator))
        else:
            symbol = int(logits[0].argmax())
        found.append(network.symbols[symbol])
        logits, states = network.step(torch.tensor([symbol]), states)
    return joined(found) if network.words else "".join(found)


def joined(words: list[str]) -> str:
    """Words and marks of punctuation as a text, with spaces where people put them."""
    text = ""
    for word in words:
        if text and text[-1] not in "\n" + OPENS and word not in CLOSES and word != "\n":
            text += " "
        text += word
    return text


if __name__ == "__main__":
    given = [*sys.argv[1:], "", "", "", ""]
    print(
        given[0]
        + generate(
            load(Path(__file__).parent), given[0], int(given[1] or 400), float(given[2] or 0.8), int(given[3] or 0)
        )
    )
