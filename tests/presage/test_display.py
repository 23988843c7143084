"""Results as text and as HTML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from presage.display import facts, html_table, interval_picture, paragraphs


def test_what_others_wrote_is_escaped_and_on_one_line() -> None:
    nasty = "<script>alert(1)</script>\x1b[2J\n&"
    page = facts(nasty, [(nasty, nasty)]) + html_table((nasty,), [(nasty,)], nasty) + paragraphs([nasty])
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\n" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J\\n&amp;") == 7


def test_a_table_is_well_formed_with_a_row_for_each() -> None:
    page = html_table(("network", "predicted"), [("a", "0.5"), ("b", interval_picture(0.4, 0.5, 0.6, (0.4, 0.6)))])
    root = ElementTree.fromstring(page)
    assert [cell.text for cell in root.iter("th")] == ["network", "predicted"]
    assert len(list(root.iter("tr"))) == 3
    assert len(list(root.iter("svg"))) == 1


def test_a_prediction_is_drawn_to_the_scale_of_its_column() -> None:
    root = ElementTree.fromstring(interval_picture(0.2, 0.4, 0.6, (0.0, 1.0), trained=0.5))
    dot, ring = root.findall("circle")
    assert [float(one.attrib["cx"]) for one in (dot, ring)] == pytest.approx([6 + 128 * 0.4, 6 + 128 * 0.5])
    assert root.attrib["aria-label"] == "0.400, interval 0.200 to 0.600, trained 0.500"
    assert root.attrib["viewBox"] == "0 0 140 16"  # what is drawn grows and shrinks with it, and is never cut
    assert root.attrib["style"] == "min-width:140px"
    without = ElementTree.fromstring(interval_picture(0.2, 0.4, 0.6, (0.4, 0.4)))  # an axis of no length
    assert len(without.findall("circle")) == 1
    for end in (0.0, 1.0):
        _, at_end = ElementTree.fromstring(interval_picture(0.2, 0.4, 0.6, (0.0, 1.0), trained=end)).findall("circle")
        assert float(at_end.attrib["r"]) < float(at_end.attrib["cx"]) < 140 - float(at_end.attrib["r"])  # whole
