"""The report in a browser: it sorts, filters, opens, compares and links, on a desk and on a phone, and asks nobody."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (chromium, google-chrome)"),
]

Open = Callable[..., Any]
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        quiet = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
        running = play.chromium.launch(executable_path=CHROMIUM, args=[*quiet, "--no-first-run", "--disable-sync"])
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any, page: Path) -> Iterator[Open]:
    """Opens the report from disk; afterwards nothing was said on the console, and no request had left the file."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def start(**options: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options))
        found = contexts[-1].new_page()
        found.set_default_timeout(20_000)
        found.on("console", lambda message: said.append(message.text))
        found.on("pageerror", lambda error: said.append(str(error)))
        found.on("request", lambda request: asked.append(request.url))
        found.goto(page.as_uri())
        return found

    yield start
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []


def _names(found: Any) -> list[str]:
    """Of the rows that are shown, from the top."""
    return list(found.eval_on_selector_all(".board > tbody:not([hidden])", "rows => rows.map(row => row.dataset.name)"))


def _values(found: Any, column: str) -> list[float | None]:
    script = f"""rows => rows.map(row => {{
        const value = row.querySelector('[data-column="{column}"]').dataset.value;
        return value === undefined ? null : Number(value);
    }})"""
    return list(found.eval_on_selector_all(".board > tbody:not([hidden]) > .row", script))


def _is_cut(found: Any) -> bool:
    return bool(found.evaluate("document.documentElement.scrollWidth > innerWidth"))


def _sort(found: Any, column: str) -> None:
    found.click(f'th[data-column="{column}"] .sorter')


def test_heads_sort_both_ways_and_what_has_no_value_is_last(opened: Open) -> None:
    found = opened()
    for column, falling in (("parameters", False), ("trained", True)):
        _sort(found, column)
        values = _values(found, column)
        there = [value for value in values if value is not None]
        assert there == sorted(there, reverse=falling)
        assert values[len(there) :] == [None] * (len(values) - len(there))
        assert found.get_attribute(f'th[data-column="{column}"]', "aria-sort") == (
            "descending" if falling else "ascending"
        )
        _sort(found, column)
        values = _values(found, column)
        assert values[: len(there)] == there[::-1]
    assert None in values
    assert found.locator("th[aria-sort]").count() == 1
    _sort(found, "name")
    assert _names(found) == sorted(_names(found))


def test_the_keyboard_sorts_and_opens(opened: Open) -> None:
    found = opened()
    found.focus('th[data-column="parameters"] .sorter')
    found.keyboard.press("Enter")
    assert found.get_attribute('th[data-column="parameters"]', "aria-sort") == "ascending"
    opener = found.locator(".opener").first
    opener.focus()
    assert found.locator(".chart .lit").count() > 0  # the row that has the focus is lit in the charts
    found.keyboard.press("Enter")
    assert opener.get_attribute("aria-expanded") == "true"
    found.keyboard.press("Enter")
    assert opener.get_attribute("aria-expanded") == "false"


def test_rows_are_filtered_by_name_origin_and_condition_and_charts_with_them(opened: Open) -> None:
    found = opened()
    names = _names(found)
    marks = ".chart .mark:not([hidden])"
    before = found.locator(marks).count()
    found.fill("#find", names[0].split()[0])
    assert _names(found) == names[:1]
    assert found.inner_text("#count") == "1 of 7 networks"
    assert 0 < found.locator(marks).count() < before
    found.fill("#find", "")
    found.select_option("#role", "random baseline")
    assert len(_names(found)) == 2
    found.select_option("#role", "")
    bound = sorted(value for value in _values(found, "parameters") if value is not None)[3]
    found.select_option("#where", "parameters")
    found.select_option("#than", "most")
    found.fill("#bound", f"{bound / 1000}k")
    assert all(value is not None and value <= bound for value in _values(found, "parameters"))
    assert 4 <= len(_names(found)) < 7
    found.fill("#bound", "many")
    assert found.get_attribute("#bound", "aria-invalid") == "true"
    assert _names(found) == names
    assert found.locator(marks).count() == before


def test_columns_are_chosen(opened: Open) -> None:
    found = opened()
    head = found.locator('th[data-column="epochs"]')
    assert not head.is_visible()
    found.click(".menu summary")
    found.check('[data-shows="epochs"]')
    found.uncheck('[data-shows="final"]')
    found.uncheck('[data-shows="final-test"]')
    assert head.is_visible()
    assert found.locator('td[data-column="epochs"]').first.is_visible()
    assert not found.locator('.groups th:has-text("by the final recipe")').is_visible()


def test_a_row_opens_all_that_is_known_of_its_network(opened: Open) -> None:
    found = opened()
    row = found.locator(".board > tbody").first
    more = row.locator(".more")
    assert not more.is_visible()
    row.locator(".opener").click()
    assert more.is_visible()
    for what in (".drawing svg", ".matrix", ".classes", ".small-chart svg", ".picture"):
        assert more.locator(what).first.is_visible(), what
    text = more.inner_text()
    assert "a <birch>" in text
    assert "test/tree & leaf 60.png" in text
    assert "By the final recipe" in text
    assert "Use this network" in text
    matrix = more.locator(".matrix").first.locator("td").all_inner_texts()
    assert sum(int(cell) for cell in matrix if cell) == 30
    picture = more.locator(".picture").first.bounding_box()
    assert picture["width"] >= 40


def test_charts_and_table_light_each_other_and_a_click_on_a_mark_opens_its_row(opened: Open) -> None:
    found = opened()
    mark = found.locator("#trained .chart .mark").last
    key = mark.get_attribute("data-network")
    shape = mark.locator("circle, path").last
    shape.scroll_into_view_if_needed()
    shape.hover()
    found.wait_for_selector(f"#{key}.lit")
    assert found.inner_text("#tip").startswith(found.get_attribute(f"#{key}", "data-name"))
    shape.click()
    assert found.locator(f"#{key} .more").is_visible()
    found.hover("h1")
    found.wait_for_selector(f"#{key}.lit")  # it has the focus
    other = next(one for one in ("n0", "n1", "n2") if one != key)
    found.hover(f"#{other} .row .name")
    found.wait_for_selector(f'.chart .lit[data-network="{other}"]')


def test_two_or_three_networks_are_picked_and_stand_side_by_side(opened: Open) -> None:
    found = opened()
    names = _names(found)
    assert found.is_disabled("#compare")
    for at in range(3):
        found.locator(".picked").nth(at).check()
    assert found.locator(".picked").nth(3).is_disabled()
    assert found.locator(".chart .chosen").count() >= 3
    found.click("#compare")
    table = found.locator("#beside")
    assert table.is_visible()
    assert table.locator(".beside > thead th").all_inner_texts() == names[:3]
    text = table.inner_text()
    for part in ("by the search's recipe", "by the final recipe", "costs", "layers", "worst mistakes"):
        assert part in text
    assert table.locator(".drawing svg").count() == 3
    found.keyboard.press("Escape")
    assert not table.is_visible()
    found.locator(".picked").first.uncheck()
    assert found.inner_text("#compare") == "Compare 2"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_cut(opened: Open, scheme: str) -> None:
    found = opened(viewport=PHONE, color_scheme=scheme)
    assert not _is_cut(found)
    found.locator(".opener").first.click()
    assert not _is_cut(found)
    cells = found.locator(".board > tbody").first.locator(".row > td:not(.pick)")
    for at in range(cells.count()):
        box = cells.nth(at).bounding_box()
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= 390)
    found.select_option("#sort", "parameters")
    values = _values(found, "parameters")
    assert values == sorted(values, key=float)  # type: ignore[arg-type]
    for at in range(2):
        found.locator(".picked").nth(at).check()
    found.click("#compare")
    assert not _is_cut(found)


def test_text_is_readable_in_light_and_dark(opened: Open) -> None:
    """Contrast of at least 4.5, as WCAG 2 asks, of the colours that text has."""
    script = """() => {
        const parse = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const light = (rgb) => {
            const [r, g, b] = rgb.map((each) => {
                const share = each / 255;
                return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        return ["h1", ".note", ".tile span", ".row td", ".board small", ".sorter", "nav a", ".badge"].map((name) => {
            const shown = document.querySelector(name);
            let behind = shown;
            while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
            const [a, b] = [getComputedStyle(shown).color, getComputedStyle(behind).backgroundColor];
            const [x, y] = [light(parse(a)), light(parse(b))].sort((p, q) => q - p);
            return [name, (x + 0.05) / (y + 0.05)];
        });
    }"""
    backgrounds = set()
    for scheme in ("light", "dark"):
        found = opened(color_scheme=scheme)
        for name, contrast in found.evaluate(script):
            assert contrast >= 4.5, (scheme, name, contrast)
        backgrounds.add(found.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2


def test_everything_that_is_operated_has_a_name(opened: Open) -> None:
    found = opened()
    script = """all => all.filter(each => !(each.labels && each.labels.length) && !each.getAttribute("aria-label")
        && !each.textContent.trim()).map(each => each.outerHTML)"""
    assert found.eval_on_selector_all("input, select, button, summary", script) == []
    assert (
        found.eval_on_selector_all("svg[role=img]", "all => all.filter(one => !one.getAttribute('aria-label'))") == []
    )


def test_without_scripts_all_is_there_and_open(opened: Open) -> None:
    found = opened(java_script_enabled=False)
    assert found.locator(".more").first.is_visible()
    assert found.locator(".more").last.is_visible()
    assert not found.locator(".controls").is_visible()


def test_on_paper_controls_are_left_out_and_nothing_runs_over(opened: Open) -> None:
    found = opened(viewport={"width": 718, "height": 1000}, color_scheme="dark")  # A4 without its margins
    found.emulate_media(media="print", color_scheme="dark")
    assert not found.locator(".controls").is_visible()
    assert not found.locator(".pick").first.is_visible()
    assert found.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not _is_cut(found)


def test_the_page_is_small(page: Path) -> None:
    assert page.stat().st_size < 3_000_000
