"""Trackers are told in order, of all there is; one that fails, hangs or prints harms nothing."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import presage
from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument, TrackerWarning, UnknownName
from presage.trackers import registry
from presage.trackers.registry import trackers_of
from presage.trackers.telling import Telling
from presage.trackers.tracker import Tracked
from presage.training import Recipe

QUICK = Recipe(epochs=1, train_images=40)


class Recorder:
    """Notes what it is told, and in which thread."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[int] = set()

    def note(self, *call: Any) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())

    def begin(self, tracked: Tracked) -> None:
        self.note("begin", tracked)

    def epoch(self, network: str, epoch: int, values: Mapping[str, float]) -> None:
        self.note("epoch", network, epoch, dict(values))

    def network(self, network: str, values: Mapping[str, Any]) -> None:
        self.note("network", network, dict(values))

    def end(self, state: str, values: Mapping[str, float], files: Sequence[Path]) -> None:
        self.note("end", state, dict(values), list(files))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == kind]


class Failing(Recorder):
    def epoch(self, network: str, epoch: int, values: Mapping[str, float]) -> None:
        super().epoch(network, epoch, values)
        raise ConnectionError("no route\nto host")


def test_all_is_told_once_and_in_order_in_one_thread(told: Callable[..., Path]) -> None:
    recorder = Recorder()
    run = told(recorder)
    assert [call[0] for call in recorder.calls] == ["begin", *4 * ["epoch"], *3 * ["network"], "end"]
    assert recorder.threads.isdisjoint({threading.get_ident()})
    assert len(recorder.threads) == 1
    assert recorder.of("epoch")[0] == (
        "calm-otter 1a2b3c4d", 1, {"validation_accuracy": pytest.approx(0.4), "train_loss": 2.0}
    )  # fmt: skip
    assert recorder.of("network")[2] == ("lost-mole 9c0d1e2f", {"status": "diverged", "parameters": 1234})
    assert recorder.of("end") == [("finished", {"best_accuracy": 0.8}, [run / "report.html", run / "best"])]


@pytest.mark.parametrize(("error", "state"), [(ValueError, "failed"), (KeyboardInterrupt, "interrupted")])
def test_the_end_says_how_it_ended(told: Callable[..., Path], error: type[BaseException], state: str) -> None:
    recorder = Recorder()
    with pytest.raises(error):
        told(recorder, fail=error)
    assert recorder.of("end") == [(state, {}, [])]


def test_one_that_fails_is_told_no_more_and_the_others_are(told: Callable[..., Path]) -> None:
    failing, recorder = Failing(), Recorder()
    with pytest.warns(TrackerWarning, match=r"^Failing is told no more: ConnectionError: no route to host\.$") as said:
        told(failing, recorder)
    assert sum(issubclass(one.category, TrackerWarning) for one in said) == 1
    assert [call[0] for call in failing.calls] == ["begin", "epoch"]
    assert len(recorder.of("epoch")) == 4
    assert len(recorder.of("end")) == 1


def test_one_that_hangs_does_not_hold_the_end_up(tmp_path: Path) -> None:
    class Hanging(Recorder):
        def begin(self, tracked: Tracked) -> None:
            free.wait(60)

    free, recorder = threading.Event(), Recorder()
    with (
        pytest.warns(TrackerWarning, match="Hanging has not answered for 0 seconds; the last of it may be missing"),
        Telling([Hanging(), recorder], Tracked("search", tmp_path), patience=0.3),
    ):
        pass
    free.set()
    assert [call[0] for call in recorder.calls] == ["begin", "end"]


def test_one_that_ends_is_no_reason_to_give_up_another(tmp_path: Path) -> None:
    """The first has done one call when it fails; the other does one more while the first is waited for."""

    class Failing(Recorder):
        def network(self, *call: Any) -> None:
            busy.wait(60)
            threading.Event().wait(0.2)
            raise ConnectionError("no route to host")

    class Busy(Recorder):
        def network(self, *call: Any) -> None:
            threading.Event().wait(0.5)  # until the end is waited for
            busy.set()
            super().network(*call)

        def end(self, *call: Any) -> None:
            threading.Event().wait(1.0)
            super().end(*call)

    busy, other = threading.Event(), Busy()
    telling = Telling([Failing(), other], Tracked("search", tmp_path))
    telling.__enter__()
    telling.network("calm-otter", {"accuracy": 0.5})
    threading.Event().wait(0.2)  # both have begun
    with pytest.warns(TrackerWarning, match="no route") as said:
        telling.__exit__(None, None, None)
    assert sum(issubclass(one.category, TrackerWarning) for one in said) == 1
    assert other.of("end")


def test_one_that_is_slow_is_waited_for_while_it_gets_on(tmp_path: Path) -> None:
    class Slow(Recorder):
        def note(self, *call: Any) -> None:
            threading.Event().wait(0.15)
            super().note(*call)

    slow = Slow()
    with Telling([slow], Tracked("search", tmp_path), patience=1.0) as telling:
        for epoch in range(1, 11):
            telling.epoch("network", epoch, {})
    assert len(slow.calls) == 12


def test_what_a_tracker_prints_is_no_part_of_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Printing(Recorder):
        def note(self, *call: Any) -> None:
            print("from the tracker")
            super().note(*call)

    before = sys.stdout
    with Telling([Printing()], Tracked("search", tmp_path)):
        print("the answer")
    assert sys.stdout is before
    out, err = capsys.readouterr()
    assert out == "the answer\n"
    assert err == 2 * "from the tracker\n"


def test_the_tracker_of_the_page_about_them_is_one(
    told: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "trackers.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.setattr("presage.api.search", lambda dataset, *, log, **_: told(log))
    exec(block, {})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "search flowers 2 epochs"
    assert lines[1] == "calm-otter 1a2b3c4d 1 0.4"
    assert lines[-2:] == ["lost-mole 9c0d1e2f diverged None", "finished 0.8 ['report.html', 'best']"]


def test_without_trackers_nothing_is_begun(tmp_path: Path) -> None:
    threads = threading.active_count()
    with Telling([], Tracked("search", tmp_path)) as telling:
        telling.epoch("network", 1, {})
        assert threading.active_count() == threads
        assert not telling


def test_trackers_are_asked_for_by_name_or_brought() -> None:
    recorder = Recorder()
    assert trackers_of(None, "log", "test") == []
    assert trackers_of([recorder], "log", "test") == trackers_of(recorder, "log", "test") == [recorder]
    with pytest.raises(UnknownName, match="Did you mean `mlflow`"):
        trackers_of("mlfow", "log", "test")
    with pytest.raises(InvalidArgument, match=r"must be a `Tracker`, or the name of one: tensorboard, .* Got 3\."):
        trackers_of([3], "log", "test")  # type: ignore[list-item]


def test_a_library_that_is_missing_is_named_before_any_work(presage: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    for words in (["search", "digits"], ["train", "digits", "missing.json"]):
        outcome = presage(*words, "--log", "mlflow")
        assert outcome.code == 2
        assert outcome.err == (
            f"presage: The `--log mlflow` of `presage {words[0]}` needs mlflow, which is not installed. Type: "
            "pip install 'presage[mlflow]'\n"
        )


def test_a_search_tells_of_all_it_trains_and_of_what_was_trained_before(
    shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    last = Recipe(epochs=2, train_images=40, least_epoch_images=1)

    def search(log: Any, final: int) -> Any:
        return presage.search(
            str(shapes_npz), space="nb201", candidates=20, shortlist=2, recipe=QUICK, final=final, final_recipe=last,
            tune=False, predictor="cost-only", run_folder=tmp_path / "run", database=experienced, progress=False,
            log=log,
        )  # fmt: skip

    first = Recorder()
    search(first, final=0)
    ((begun,),) = first.of("begin")
    assert (begun.name, begun.folder) == ("search shapes", tmp_path / "run")
    assert (begun.parameters["candidates"], begun.parameters["recipe.epochs"]) == (20, 1)
    assert len(first.of("epoch")) == 2

    again = Recorder()
    found = search([again], final=1)
    curves = {(network, epoch): values for network, epoch, values in again.of("epoch")}
    (final,) = found.final.trainings
    names = {network for network, _ in curves}
    (last_name,) = (name for name in names if name.endswith(", final recipe"))
    assert {key for key in curves if key[0] == last_name} == {(last_name, 1), (last_name, 2)}
    assert curves[last_name, 2]["validation_accuracy"] == pytest.approx(final.accuracy, abs=1e-6)
    for name, _, values in first.of("epoch"):
        assert curves[name, 1] == {"validation_accuracy": pytest.approx(values["validation_accuracy"], abs=1e-6)}
    rows = dict(again.of("network"))
    assert rows.keys() == names
    for name, one in zip([name for name, _, _ in first.of("epoch")], found.verified, strict=True):
        assert rows[name]["accuracy"] == one.accuracy
        assert rows[name]["predicted"] == one.chosen.predicted
    ((state, values, files),) = again.of("end")
    assert (state, values["best_accuracy"]) == ("finished", found.best.accuracy)
    assert values["final_accuracy"] == final.accuracy
    assert {path.name for path in files} == {"report.html", "result.json", "card.json", "best"}


def test_trainings_are_told_too(shapes_npz: Path, experienced: Path, tmp_path: Path) -> None:
    space = get_space("nb201")
    network = space.decode(space.params(space.sample(1, np.random.default_rng(0))[0]))
    told = [Recorder(), Recorder()]
    for recorder in told:  # the second time it is known
        (row,) = presage.train(
            str(shapes_npz), network, recipe=QUICK, out=tmp_path / "models", database=experienced, log=recorder,
            progress=False,
        )  # fmt: skip
        ((name, epoch, values),) = recorder.of("epoch")
        assert (name, epoch) == ("architecture 0", 1)
        assert values["validation_accuracy"] == pytest.approx(row.accuracy, abs=1e-6)
        ((_, became),) = recorder.of("network")
        assert (became["accuracy"], became["status"]) == (row.accuracy, "finished")
        ((state, whole, files),) = recorder.of("end")
        assert (state, whole, files) == ("finished", {"best_accuracy": row.accuracy}, [Path(row.model)])
    assert [recorder.of("network")[0][1]["reused"] for recorder in told] == [False, True]
