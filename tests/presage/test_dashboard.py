"""The page of a run: what it shows, to whom, and what it refuses."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from presage.dashboard import pages
from presage.dashboard.charts import curves_chart, scores_chart
from presage.dashboard.server import serving
from presage.errors import InvalidArgument


@pytest.fixture(scope="module")
def run(begun: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dashboard") / "run"
    begun(folder)
    return folder


@pytest.fixture
def ask(run: Path) -> Iterator[Callable[..., http.client.HTTPResponse]]:
    with serving(run, 0) as address:
        port = urlsplit(address).port

        def asked(path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(method, path, headers=headers)
            return connection.getresponse()

        yield asked


def test_the_page_shows_stages_networks_and_charts(ask: Callable, run: Path) -> None:
    answer = ask("/")
    page = answer.read().decode()
    assert answer.status == 200
    assert str(run) in page
    assert "60 of 60" in page
    assert page.count("2 of 2") == 1 + 2
    assert page.count("<polyline") == 1 + 2  # the best score so far, and the curve of each network
    assert "http" not in page.replace("http-equiv", "")  # nothing is asked of anybody else
    told = json.loads(ask("/status.json").read())
    assert told["state"] == "finished"
    digest = told["best"]["hash"]
    assert ask("/content").read().decode() in page
    assert ask("/live.js").getheader("Content-Type") == "text/javascript; charset=utf-8"
    assert digest[:8] in page


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_a_name_that_is_not_this_machines_is_refused(ask: Callable, host: str) -> None:
    answer = ask("/content", Host=host)
    assert answer.status == 403
    assert b"best" not in answer.read()


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1", "LOCALHOST:80"])
def test_names_of_this_machine_are_served_through_a_tunnel_too(ask: Callable, host: str) -> None:
    assert ask("/live.css", Host=host).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_there_is_nothing_but_get(ask: Callable, method: str) -> None:
    assert ask("/content", method).status == 501


@pytest.mark.parametrize(
    "path",
    ["/run.json", "/../run.json", "/%2e%2e/run.json", "//etc/passwd", "/live.html", "/server.py", "/report",
     "/network/" + "0" * 64, "/network/../../run.json", "/networks/"],
)  # fmt: skip
def test_there_is_no_other_page(ask: Callable, path: str) -> None:
    assert ask(path).status == 404


def test_other_sites_are_neither_asked_nor_let_in(ask: Callable) -> None:
    for path in ("/", "/status.json", "/nowhere"):
        answer = ask(path)
        policy = answer.getheader("Content-Security-Policy")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.getheader("Access-Control-Allow-Origin") is None
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert answer.getheader("Cache-Control") == "no-store"
        assert "Python" not in answer.getheader("Server")


def test_a_report_that_is_a_link_to_another_file_is_not_served(ask: Callable, run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (run / "report.html").symlink_to(tmp_path / "secret")
    try:
        assert ask("/report").status == 404
    finally:
        (run / "report.html").unlink()


def test_the_report_is_served_where_there_is_one(ask: Callable, run: Path) -> None:
    (run / "report.html").write_text("<p>the report</p>", encoding="utf-8")
    try:
        assert ask("/report").read() == b"<p>the report</p>"
    finally:
        (run / "report.html").unlink()


def test_it_listens_on_loopback_alone_and_takes_another_port_where_its_own_is_taken(run: Path) -> None:
    with serving(run, 0) as address:
        port = urlsplit(address).port
        assert urlsplit(address).hostname == "127.0.0.1"
        with socket.socket() as other, pytest.raises(OSError, match="refused"):
            other.connect(("127.0.0.2", port))
        with pytest.raises(InvalidArgument, match="must be free on this machine"), serving(run, port):
            pass
    with serving(run) as first, serving(run) as second:
        assert first != second


def test_names_are_escaped_and_what_is_not_there_yet_is_said(tmp_path: Path) -> None:
    assert "Nothing of the search is written yet" in pages.content(tmp_path / "later")
    (tmp_path / "card.json").write_text(json.dumps({"name": "<script>alert(1)</script>"}))
    page = pages.frame(tmp_path)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    (tmp_path / "run.json").write_text("{")
    assert "damaged" in pages.content(tmp_path)


def test_charts_need_something_to_show() -> None:
    assert scores_chart([None, 0.5], "score") is None
    assert curves_chart({"a": ()}) is None
    chart = scores_chart([0.1, None, 0.3, 0.2], "score")
    assert chart is not None
    assert chart.count("<circle") == 3
    assert "the best so far 0.300" in chart
    assert {">0.10<", ">0.20<", ">0.30<"} <= set(re.findall(">[0-9.]+<", chart))  # round numbers along the axis
    top = min(float(place) for place in re.findall(r'cy="([0-9.]+)"', chart))
    title = re.search(r'class="drawn" x="\d+" y="(\d+)"', chart)
    assert title is not None
    assert float(title[1]) < top - 5  # what is drawn stands above the marks, not among them
    one = curves_chart({"<a>": (0.5,), "b": (0.5, 0.75)})
    assert one is not None
    assert "&lt;a&gt;" in one
    assert one.count("<polyline") == one.count("<circle") == 1
    many = curves_chart({str(number): (0.5, number / 20) for number in range(10)})
    assert many is not None
    strokes = re.findall(r'stroke="#\w+" stroke-width="2"(?: stroke-dasharray="6 3")?', many)
    assert len(set(strokes)) == 10  # no two lines look the same


def test_the_command_prints_its_address_and_ends_with_ctrl_c(run: Path) -> None:
    import signal

    words = [sys.executable, "-m", "presage", "dashboard", str(run), "--json", "--quiet"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background ignores it
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        connection.request("GET", "/content")
        assert connection.getresponse().status == 200
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(20)
        assert process.returncode == 130
        assert time.monotonic() - began < 10
    finally:
        process.kill()


def test_a_folder_without_a_run_is_not_served(presage: Callable, tmp_path: Path) -> None:
    outcome = presage("dashboard", tmp_path / "nowhere")
    assert outcome.code == 2
    assert "hold a run that was begun" in outcome.err


def test_a_search_serves_its_page_while_it_runs(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from presage.search.result import SearchResult
    from presage.session import Session

    seen = []

    def search(session: Session, dataset: object, **given: object) -> SearchResult:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/content")
        seen.append(connection.getresponse().read().decode())
        return SearchResult(tmp_path / "run", "shapes", "f", "chain", "evolution", {}, ())

    monkeypatch.setattr(Session, "search", search)
    monkeypatch.setattr("presage.dashboard.server._LAST_LOOK", 0.1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ("search", shapes_npz, "--run", tmp_path / "run", "--database", experienced, "--serve", "--port", port)
    outcome = presage(*words)
    assert "Nothing of the search is written yet" in seen[0]
    assert f"http://127.0.0.1:{port}/ shows the search while it runs." in outcome.err
    with socket.socket() as gone, pytest.raises(OSError, match="refused"):
        gone.connect(("127.0.0.1", port))
