"""What peers say reaches a console as text and nothing else."""

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.net import said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("worker host-1/0 → äöü 猫", "worker host-1/0 → äöü 猫"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("Traceback\n  File x\r\nError", "Traceback\n      File x\n    Error"),
        ("a\rb\x00\x7f\x9b1m", "a\\rb\\x00\\x7f\\x9b1m"),
        ("left\u202eright\u2028\ud800", "left\\u202eright\\u2028\\ud800"),
    ],
)
def test_control_characters_are_seen_and_do_nothing(text: str, shown: str) -> None:
    assert said.visible(text) == shown


@given(st.text())
def test_any_text_is_harmless(text: str) -> None:
    shown = said.visible(text)
    assert {one for one in shown if unicodedata.category(one) in said.HIDDEN} <= {"\n", "\t"}
    assert all(line.startswith("    ") for line in shown.split("\n")[1:])
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_what_is_long_keeps_its_ends() -> None:
    shown = said.visible("why" + "x" * 50_000 + "because")
    assert len(shown) < said.MAX_SHOWN + 10
    assert shown.startswith("whyx")
    assert shown.endswith("xbecause")


def test_all_that_is_logged_passes(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("g1").warning("%s says 100 %%: %s", "worker", "\x1b[31mred")
    assert caplog.messages == ["worker says 100 %: \\x1b[31mred"]


def test_an_allowance_fills_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("engine.net.said.time.monotonic", lambda: now[0])
    one = said.Allowance(3, 0.5)
    assert [one.take() for _ in range(5)] == [True, True, True, False, False]
    now[0] = 2.0
    assert [one.take() for _ in range(2)] == [True, False]
    now[0] = 1000.0
    assert [one.take() for _ in range(4)] == [True, True, True, False]
