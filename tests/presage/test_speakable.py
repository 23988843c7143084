"""Names of networks that a person can say: the same for a hash for ever, and as different as names can be."""

from __future__ import annotations

import hashlib

from presage.speakable import _ADJECTIVES, _NOUNS, named, speakable


def test_a_hash_has_the_name_that_it_always_had() -> None:
    digest = hashlib.sha256(b"a network").hexdigest()
    assert digest.endswith("cd9e")
    assert speakable(digest) == "sandy-lily"
    assert named(digest) == f"sandy-lily {digest[:8]}"
    assert speakable("0000") == "able-acacia"
    assert speakable("ffff") == "zippy-thrush"


def test_every_name_is_of_two_plain_words_and_no_two_numbers_share_one() -> None:
    for words in (_ADJECTIVES, _NOUNS):
        assert len(words) == len(set(words)) == 256
        assert words == sorted(words)
        assert all(word.isascii() and word.isalpha() and word.islower() and len(word) <= 10 for word in words)
    assert len({speakable(f"{number:04x}") for number in range(65536)}) == 65536


def test_networks_whose_shown_hashes_begin_alike_have_names_of_their_own() -> None:
    assert speakable("12345678" + "0" * 52 + "0001") != speakable("12345678" + "0" * 52 + "0100")
