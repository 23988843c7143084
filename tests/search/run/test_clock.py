"""A clock that is set back while a search runs: it comes to the same, and goes on from where it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from presage.database import Database
from presage.search.run import ledger
from presage.search.studies import journal
from presage.training import recording
from tests.hostile.victims import VICTIMS


class _Backwards(datetime):
    """Each time it is asked it is an hour earlier."""

    asked = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        cls.asked += 1
        return datetime(2026, 3, 1, tzinfo=UTC) - timedelta(hours=cls.asked)


def test_a_search_comes_to_the_same_while_the_clock_goes_backwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forwards").mkdir()
    (tmp_path / "backwards").mkdir()
    search = VICTIMS["search by evolution"]
    wanted = search(tmp_path / "forwards")
    for module in (ledger, journal, recording):
        monkeypatch.setattr(module, "datetime", _Backwards)
    assert search(tmp_path / "backwards") == wanted
    assert _Backwards.asked > 10
    assert search(tmp_path / "backwards") == wanted  # and once more, from what is there
    with Database.open(tmp_path / "backwards" / "x.duckdb") as database:
        assert database.check() == []
        ended = [record.created_at for record in database.experiment_records()]
    assert len(ended) == 5
    assert max(ended) < "2026-03-01"
