from __future__ import annotations

import threading
from pathlib import Path

import pytest

from presage.training.cluster import call_folder
from presage.training.cluster.call_folder import DRIVER, CallFolder, work


@pytest.fixture
def calls(tmp_path: Path) -> CallFolder:
    made = CallFolder(tmp_path / "calls")
    made.make()
    return made


def call(function: str, *arguments: object) -> dict[str, object]:
    return {"module": "os.path", "function": function, "arguments": arguments}


def test_a_call_is_one_workers_and_its_answer_comes_once(calls: CallFolder) -> None:
    calls.put("1", call("basename", "a/b"))
    calls.put("2", call("basename", "c/d"))
    taken = calls.take("ann"), calls.take("bob")
    assert [one[0] for one in taken if one] == ["1", "2"]
    assert calls.take("ann") is None
    calls.answer("2", "bob", {"answer": "d"})
    assert list(calls.answers()) == [("2", {"answer": "d"})]
    assert list(calls.answers()) == []
    assert calls.give_back("bob") == []
    assert calls.give_back("ann") == ["1"]
    assert calls.give_back("ann") == []


def test_a_call_that_nobody_has_can_be_withdrawn(calls: CallFolder) -> None:
    calls.put("1", call("basename", "a/b"))
    calls.put("2", call("basename", "a/b"))
    calls.take("ann")
    assert not calls.withdraw("1")
    assert calls.withdraw("2")
    assert calls.take("bob") is None


def test_a_worker_answers_what_a_call_gives_and_what_it_raises_until_it_is_stopped(
    calls: CallFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_folder, "_IDLE_SECONDS", 0.01)
    calls.put("1", call("basename", "a/b"))
    calls.put("2", call("getsize", "/nowhere"))
    thread = threading.Thread(target=work, args=(str(calls.folder), "ann"))
    thread.start()
    found: dict[str, dict[str, object]] = {}
    while len(found) < 2:
        found |= dict(calls.answers())
    calls.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert found["1"] == {"answer": "b"}
    assert str(found["2"]["error"]).startswith("FileNotFoundError: ")


def test_who_does_not_beat_any_longer_is_silent(calls: CallFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_folder, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(call_folder, "BEAT_SECONDS", 0.02)
    wait = threading.Event().wait
    assert not calls.is_silent("ann")  # who never began may come yet
    wait(0.3)
    assert not calls.is_silent("ann")
    with calls.beating("ann"):
        for _ in range(4):
            wait(0.1)
            assert not calls.is_silent("ann")
    assert not calls.is_silent("ann")
    wait(0.3)
    assert calls.is_silent("ann")


def test_a_worker_ends_with_who_asked(calls: CallFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_folder, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(call_folder, "_IDLE_SECONDS", 0.01)
    with calls.beating(DRIVER):
        pass
    worker = threading.Thread(target=work, args=(str(calls.folder), "ann"), daemon=True)
    worker.start()
    worker.join(20)
    assert not worker.is_alive()
