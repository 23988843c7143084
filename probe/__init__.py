"""The probe floor of presage: how hard is a dataset?

A short run of the deep normalised probe net (arXiv 1803.09588) gives the Dataset Characterization Number; the
difficulty card says what that one number hides. Knows no database and no predictor.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probe.card import ConfusedPair as ConfusedPair
    from probe.card import DifficultyCard as DifficultyCard
    from probe.card import difficulty_card as difficulty_card
    from probe.curve import dcn as dcn
    from probe.description import DESCRIPTION_NAMES as DESCRIPTION_NAMES
    from probe.description import describe as describe
    from probe.neighbours import Known as Known
    from probe.neighbours import Neighbour as Neighbour
    from probe.neighbours import nearest as nearest
    from probe.net import ProbeNet as ProbeNet
    from probe.noise import HeldOut as HeldOut
    from probe.noise import LabelNoise as LabelNoise
    from probe.noise import Suspect as Suspect
    from probe.noise import suspect_labels as suspect_labels
    from probe.protocol import PROBE_RECIPE as PROBE_RECIPE
    from probe.protocol import PROBE_VERSION as PROBE_VERSION
    from probe.rows import probe_row as probe_row
    from probe.run import ProbeRun as ProbeRun
    from probe.run import run_probe as run_probe

_HOME = {
    "ConfusedPair": "probe.card",
    "DESCRIPTION_NAMES": "probe.description",
    "DifficultyCard": "probe.card",
    "HeldOut": "probe.noise",
    "Known": "probe.neighbours",
    "LabelNoise": "probe.noise",
    "Neighbour": "probe.neighbours",
    "PROBE_RECIPE": "probe.protocol",
    "PROBE_VERSION": "probe.protocol",
    "ProbeNet": "probe.net",
    "ProbeRun": "probe.run",
    "Suspect": "probe.noise",
    "dcn": "probe.curve",
    "describe": "probe.description",
    "difficulty_card": "probe.card",
    "nearest": "probe.neighbours",
    "probe_row": "probe.rows",
    "run_probe": "probe.run",
    "suspect_labels": "probe.noise",
}

__all__ = [
    "ConfusedPair",
    "DESCRIPTION_NAMES",
    "DifficultyCard",
    "HeldOut",
    "Known",
    "LabelNoise",
    "Neighbour",
    "PROBE_RECIPE",
    "PROBE_VERSION",
    "ProbeNet",
    "ProbeRun",
    "Suspect",
    "dcn",
    "describe",
    "difficulty_card",
    "nearest",
    "probe_row",
    "run_probe",
    "suspect_labels",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that a DCN can be compared without loading torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
