"""A text becomes numbers in its own order, and what is no text is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidArgument, InvalidDataset
from presage.training.text.text_data import UNKNOWN, load_text, text_data


def test_symbols_come_from_the_training_text_alone_and_parts_follow_one_another() -> None:
    data = text_data("abab" * 20 + "ababZZZZ" + "abababab", "letters")
    assert data.symbols == (UNKNOWN, "a", "b")
    train, validation, test = data.parts
    assert len(data.codes) == 96
    assert (len(train), len(validation), len(test)) == (77, 9, 10)
    assert np.array_equal(np.concatenate([train, validation, test]), data.codes)
    assert data.codes[:4].tolist() == [1, 2, 1, 2]
    assert data.codes[84:88].tolist() == [0, 0, 0, 0]
    assert data.metric == "bits_per_character"


def test_words_are_the_most_frequent_and_punctuation_and_lines_are_symbols() -> None:
    data = text_data("It's a dog, a dog!\n" * 40, "dogs", words=5)
    assert data.symbols == (UNKNOWN, "a", "dog", "\n", "!", ",")
    assert data.codes[:7].tolist() == [0, 1, 2, 5, 1, 2, 4]
    assert data.metric == "perplexity"


def test_the_fingerprint_is_of_content_and_symbols_and_not_of_the_name(text: str) -> None:
    assert text_data(text, "a").fingerprint == text_data(text.replace("\n", "\r\n"), "b").fingerprint
    assert text_data(text, "a").fingerprint != text_data(text, "a", words=100).fingerprint
    assert text_data(text, "a").fingerprint != text_data(text + ".", "a").fingerprint


def test_the_fingerprint_of_a_text_does_not_change() -> None:
    assert text_data("to be or not to be " * 10, "x").fingerprint.startswith("005777cd7cc90c7a")


def test_a_file_is_named_with_and_without_its_kind(tmp_path: Path, text: str) -> None:
    (tmp_path / "tale.txt").write_text(text, encoding="utf-8-sig")
    assert load_text(f"text:{tmp_path}/tale.txt").fingerprint == load_text(tmp_path / "tale.txt").fingerprint
    assert load_text(tmp_path / "tale.txt").name == "tale.txt"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a" * 200 + b"\x00" + b"b" * 100, "not binary. Got byte 0x00 at offset 200"),
        (b"caf" + b"\xe9" + b" au lait" * 30, "UTF-8. Got byte 0xe9 at offset 3. Type: iconv"),
        (b"\xff\xfea\x00b\x00" * 40, "UTF-8. Got the mark of UTF-16, 0xfffe, at offset 0. Type: iconv -f utf-16"),
        (b"short", "have at least 64 characters. Got 5"),
        (b"", "have at least 64 characters. Got 0"),
        (b"a" * 500, "two different characters. Got 'a'"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidDataset) as refused:
        load_text(path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "x.txt" in str(refused.value)


def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="No such file"):
        load_text(tmp_path / "none.txt")
    with pytest.raises(InvalidDataset):
        load_text(tmp_path)
    with pytest.raises(InvalidArgument, match="`words`"):
        text_data("a b " * 50, "x", words=1)
