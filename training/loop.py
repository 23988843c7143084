"""The one training loop: every network, the probe net included, is trained here."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.errors import Diverged, InvalidArgument
from presage.training.augment import augmented_by, normalised
from presage.training.averaging import WeightAverage
from presage.training.balance import balanced_accuracy
from presage.training.checkpoint import load_checkpoint, restoring, save_checkpoint
from presage.training.data import DeviceData
from presage.training.depth_heads import DepthHeads
from presage.training.eager import take_step
from presage.training.hardware import choose_device, prepare_hardware
from presage.training.mixing import Mixed, mixed
from presage.training.precision import precision_of
from presage.training.recipe import AUTO, Recipe
from presage.training.schedule import rate_share

__all__ = ["EpochRecord", "Evaluation", "Tapped", "evaluate", "fixed_randomness", "logits_of", "train"]

_BLOCK = 4096  # images augmented and normalised at once: few kernel launches, little memory
_SCORED_AT_ONCE = {"cpu": 250, "cuda": 4096}
_EPOCH_STREAM, _PROBE_STREAM = 1, 2


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch showed. Losses in nats (with label smoothing, without in validation), accuracies in [0, 1].

    Training loss and accuracy are of the images as augmented; of mixed ones, right is the label of the larger share.

    `depth_accuracies` are validation accuracies of the detached heads, one per tap, in the taps' order. The balanced
    accuracy is of the validation images; None in checkpoints of before it was computed.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    depth_accuracies: tuple[float, ...]
    seconds: float
    balanced_accuracy: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy (nats) and accuracy over images, the accuracy of each depth head, the balanced accuracy."""

    loss: float
    accuracy: float
    depth_accuracies: tuple[float, ...]
    balanced_accuracy: float


@runtime_checkable
class Tapped(Protocol):
    """A module that also gives the outputs of some of its nodes."""

    @property
    def prefixes(self) -> Sequence[int]: ...

    def forward_with_taps(self, x: Tensor, taps: Sequence[int]) -> tuple[Tensor, list[Tensor]]: ...


def train(
    module: nn.Module,
    data: DeviceData,
    recipe: Recipe,
    *,
    seed: int,
    device: str | torch.device = "auto",
    checkpoint: Path | None = None,
    taps: Sequence[int] | None = None,
) -> Iterator[EpochRecord]:
    """Train `module` in place; yields the record of each epoch (of past epochs too, where it resumes).

    All randomness of an epoch (order, augmentation, dropout) follows from `seed` and the epoch's number, so that a
    resumed run repeats an uninterrupted one, and the same seed on the same CPU gives the same curve. The weights that
    `module` begins with are the caller's. Where the recipe averages weights, validation and the trained module have
    the average's.

    Args:
        device: `auto` is where `data` lies.
        checkpoint: file written after each epoch; where it exists, training goes on from it.
        taps: nodes to read accuracy by depth from; None is all `prefixes` of a tapped module, () is none.

    Raises:
        Diverged: the loss became NaN or infinite.
        InvalidArgument: the checkpoint belongs to another training, or the recipe's batch is still `auto`.
    """
    if recipe.batch == AUTO:
        rule = "be a number: `presage.training.resolving.resolved` tells it from the images"
        raise InvalidArgument("batch", "train", rule, "auto")
    if device != "auto" and choose_device(device) != data.device:
        data = data.to(choose_device(device))
    run = _Run(module, data, recipe, seed, taps)
    records = run.resume(checkpoint) if checkpoint else []
    yield from records
    for epoch in range(len(records), recipe.epochs):
        record = run.epoch(epoch)
        records.append(record)
        if checkpoint:
            run.save(checkpoint, records)
        yield record


def evaluate(
    module: nn.Module,
    images: Tensor,
    labels: Tensor,
    data: DeviceData,
    *,
    precision: str = "float32",
    mirroring: bool = False,
) -> Evaluation:
    """Score `module` on uint8 `images` (n, c, s, s), normalised as `data` says; see `logits_of`."""
    return _evaluation(logits_of(module, images, data, precision=precision, mirroring=mirroring), None, labels)


@torch.inference_mode()
def logits_of(
    module: nn.Module, images: Tensor, data: DeviceData, *, precision: str = "float32", mirroring: bool = False
) -> Tensor:
    """Logits (n, k), float32, of uint8 `images` (n, c, s, s); with `mirroring` the mean of those of both ways round."""
    module.eval()
    parts = []
    with _autocast(images.device, precision):
        for part in torch.split(images, _SCORED_AT_ONCE.get(images.device.type, 1024)):
            x = normalised(part, data.mean, data.deviation)
            logits = module(x).float()
            parts.append((logits + module(_mirrored(x)).float()) / 2 if mirroring else logits)
    return torch.cat(parts)


def _mirrored(x: Tensor) -> Tensor:
    return x.flip(3).contiguous(memory_format=torch.channels_last)


@contextmanager
def fixed_randomness(seed: int, device: torch.device, stream: int = 0) -> Iterator[int]:
    """Torch's own generators seeded for the block and put back after it; gives the seed that was set."""
    value = int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else [], enabled=True):
        if device.type == "cpu":
            torch.default_generator.manual_seed(value)  # `torch.manual_seed` seeds what is not there, 3 ms a time
        else:
            torch.manual_seed(value)
        yield value


class _Run:
    """The moving parts of one training."""

    def __init__(
        self, module: nn.Module, data: DeviceData, recipe: Recipe, seed: int, taps: Sequence[int] | None
    ) -> None:
        prepare_hardware(data.device)
        self.module = module.to(device=data.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.data, self.recipe, self.seed = data, recipe, seed
        self.precision = precision_of(module, data, recipe)
        self.passes = math.ceil(recipe.least_epoch_images / len(data.x_train))
        self.batch = min(recipe.batch, len(data.x_train))
        self.steps = self.passes * len(data.x_train) // self.batch  # an epoch; the remainder is left out
        self.class_weights = _class_weights(data) if recipe.class_weights else None
        tapped = module if isinstance(module, Tapped) else None
        self.taps = tuple(taps if taps is not None else tapped.prefixes if tapped else ())
        if self.taps and tapped is None:
            raise InvalidArgument("taps", "train", "be empty for a module without `forward_with_taps`", self.taps)
        self.tapped = tapped if self.taps else None
        decayed = [p for p in module.parameters() if p.requires_grad and p.dim() > 1]
        others = [p for p in module.parameters() if p.requires_grad and p.dim() <= 1]
        self.parameters = decayed + others
        self.optimizer = _optimizer(recipe, decayed, others)
        self.heads = DepthHeads(self._tap_widths(), data.classes).to(data.device) if self.tapped else None
        self.head_optimizer = (
            torch.optim.Adam(self.heads.parameters(), lr=recipe.head_learning_rate, fused=True) if self.heads else None
        )
        averaged = [self.module, *([self.heads] if self.heads else [])]
        self.average = WeightAverage(averaged, recipe.ema) if recipe.ema else None

    @torch.no_grad()
    def _tap_widths(self) -> list[int]:
        assert self.tapped is not None
        self.module.eval()
        with fixed_randomness(self.seed, self.data.device, _PROBE_STREAM), _autocast(self.data.device, self.precision):
            _, taps = self.tapped.forward_with_taps(self._normalised(self.data.x_train[:2]), self.taps)
        return [tap.shape[1] for tap in taps]

    def _normalised(self, images: Tensor) -> Tensor:
        return normalised(images, self.data.mean, self.data.deviation)

    def epoch(self, epoch: int) -> EpochRecord:
        began = time.perf_counter()
        with fixed_randomness(self.seed, self.data.device, _EPOCH_STREAM + 2 * epoch) as value:
            loss, accuracy = self._train_epoch(epoch, torch.Generator(self.data.device).manual_seed(value))
        if not math.isfinite(loss):
            raise Diverged(f"The training loss became {loss} in epoch {epoch}.")
        scores = self._validated(last=epoch == self.recipe.epochs - 1)
        if not math.isfinite(scores.loss):
            raise Diverged(f"The validation loss became {scores.loss} in epoch {epoch}.")
        seconds = time.perf_counter() - began
        return EpochRecord(
            epoch, loss, accuracy, scores.loss, scores.accuracy, scores.depth_accuracies, round(seconds, 4),
            scores.balanced_accuracy,
        )  # fmt: skip

    def _train_epoch(self, epoch: int, generator: torch.Generator) -> tuple[float, float]:
        """Mean loss and accuracy over the epoch's augmented images. Nothing is read back before its end."""
        data, recipe, b = self.data, self.recipe, self.batch
        n, device = len(data.x_train), data.device
        order = torch.cat([torch.randperm(n, generator=generator, device=device) for _ in range(self.passes)])
        order = order[: self.steps * b]
        total_loss = torch.zeros((), device=device)
        right = torch.zeros((), dtype=torch.int64, device=device)
        self.module.train()
        if self.heads:
            self.heads.train()
        step = epoch * self.steps
        for block in torch.split(order, max(_BLOCK // b, 1) * b):
            images = augmented_by(recipe, data.x_train[block], data.mean, generator)
            labels = data.y_train[block]
            for x, y in zip(torch.split(self._normalised(images), b), torch.split(labels, b), strict=True):
                self._set_rates(step)
                mixture = mixed(x, y, recipe.mixup, recipe.cutmix, generator) if recipe.mixup or recipe.cutmix else None
                labels_seen = mixture.labels if mixture else y
                logits, loss = self._step(mixture.images if mixture else x, labels_seen, mixture)
                total_loss += loss
                right += (logits.argmax(dim=1) == labels_seen).sum()
                step += 1
        return float(total_loss) / self.steps, float(right) / len(order)

    def _step(self, x: Tensor, y: Tensor, mixture: Mixed | None) -> tuple[Tensor, Tensor]:
        """Logits (b, k) and loss of a step on images `x` of labels `y`, or of those of `mixture` by its shares."""
        features: list[Tensor] = []
        with _autocast(self.data.device, self.precision):
            if self.tapped:
                logits, taps = self.tapped.forward_with_taps(x, self.taps)
                features = DepthHeads.pooled(taps)
            else:
                logits = self.module(x)
        logits = logits.float()
        smoothing = self.recipe.label_smoothing
        if mixture:
            loss = mixture.loss(logits, smoothing, self.class_weights)
        else:
            loss = F.cross_entropy(logits, y, self.class_weights, label_smoothing=smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        take_step(self.optimizer)
        self.optimizer.zero_grad(set_to_none=True)
        if self.heads and self.head_optimizer:
            self.heads.backward(features, y)
            take_step(self.head_optimizer)
        if self.average:
            self.average.update()
        return logits.detach(), loss.detach()

    def _set_rates(self, step: int) -> None:
        recipe = self.recipe
        scale = rate_share(recipe.schedule, recipe.warmup, step, recipe.epochs * self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * scale
        if self.head_optimizer:
            self.head_optimizer.param_groups[0]["lr"] = self.recipe.head_learning_rate * scale

    def _validated(self, *, last: bool) -> Evaluation:
        """Scores by the average of the weights, where there is one; after the `last` epoch it stays in place."""
        if self.average is None:
            return self._validate()
        if last:
            self.average.install()
            return self._validate()
        with self.average.in_place():
            return self._validate()

    @torch.inference_mode()
    def _validate(self) -> Evaluation:
        images, labels = self.data.x_validation, self.data.y_validation
        mirroring = self.recipe.test_mirroring
        if not self.tapped or not self.heads:
            logits = logits_of(self.module, images, self.data, precision=self.precision, mirroring=mirroring)
            return _evaluation(logits, None, labels)
        self.module.eval()
        self.heads.eval()
        parts, head_parts = [], []
        for part in torch.split(images, _SCORED_AT_ONCE.get(images.device.type, 1024)):
            with _autocast(images.device, self.precision):
                x = self._normalised(part)
                logits, taps = self.tapped.forward_with_taps(x, self.taps)
                features = DepthHeads.pooled(taps)
                if mirroring:
                    logits = (logits.float() + self.module(_mirrored(x)).float()) / 2
            parts.append(logits.float())
            head_parts.append(self.heads(features))
        return _evaluation(torch.cat(parts), torch.cat(head_parts, dim=1), labels)

    def _identity(self) -> dict[str, Any]:
        shapes = [f"{name} {tuple(value.shape)}" for name, value in self.module.state_dict().items()]
        return {
            "dataset": self.data.fingerprint,
            "recipe": self.recipe.hash,
            "seed": self.seed,
            "taps": list(self.taps),
            "weights": shapes,
        }

    def save(self, path: Path, records: Sequence[EpochRecord]) -> None:
        """Random state needs no place here: every epoch seeds its own."""
        state = {
            "identity": self._identity(),
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "heads": self.heads.state_dict() if self.heads else {},
            "head_optimizer": self.head_optimizer.state_dict() if self.head_optimizer else {},
            "average": self.average.state() if self.average else {},
            "records": [asdict(record) for record in records],
        }
        save_checkpoint(path, state)

    def resume(self, path: Path) -> list[EpochRecord]:
        state = load_checkpoint(path, self.data.device)
        if state is None:
            return []
        if state.get("identity") != self._identity():
            rule = "belong to this network, dataset, recipe and seed"
            raise InvalidArgument("checkpoint", "train", rule, str(path), "Delete it or name another file.")
        with restoring(path):
            self.module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.heads and self.head_optimizer:
                self.heads.load_state_dict(state["heads"])
                self.head_optimizer.load_state_dict(state["head_optimizer"])
            if self.average:
                self.average.load(state["average"])
            return [
                EpochRecord(**{**record, "depth_accuracies": tuple(record["depth_accuracies"])})
                for record in state["records"]
            ]


def _evaluation(logits: Tensor, head_logits: Tensor | None, labels: Tensor) -> Evaluation:
    """`logits` (n, k), `head_logits` (t, n, k), `labels` (n,)."""
    depth = [] if head_logits is None else (head_logits.argmax(dim=2) == labels).double().mean(dim=1).tolist()
    best = logits.argmax(dim=1)
    accuracy = float((best == labels).double().mean())
    balanced = balanced_accuracy(best, labels, logits.shape[1])
    return Evaluation(float(F.cross_entropy(logits, labels)), accuracy, tuple(depth), balanced)


def _class_weights(data: DeviceData) -> Tensor:
    """``n / (k · n_class)`` of each class, (k,): the mean over the training images is 1."""
    counts = torch.bincount(data.y_train, minlength=data.classes).clamp_min(1)
    return len(data.y_train) / (data.classes * counts.float())


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def _optimizer(recipe: Recipe, decayed: list[nn.Parameter], others: list[nn.Parameter]) -> torch.optim.Optimizer:
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "sgd":
        nesterov = recipe.momentum > 0
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=nesterov, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.99), fused=True)
