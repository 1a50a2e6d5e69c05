"""Passwords are hidden wherever a command line or a message shows them."""

from __future__ import annotations

import pytest

from foldgrid.specs.passwords import hide_all_passwords, hide_passwords


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql://me:se@c:r/et@host/db", "postgresql://me:***@host/db"),
        ("postgresql://:secret@host/db", "postgresql://:***@host/db"),
        ("see postgresql://me:secret@host/db: refused", "see postgresql://me:***@host/db: refused"),
        (
            "postgresql://me@h/d?password=secret&sslmode=require",
            "postgresql://me@h/d?password=***&sslmode=require",
        ),
        ("postgresql://h/d?sslpassword=secret", "postgresql://h/d?sslpassword=***"),
        ("host=h PASSWORD = secret user=me", "host=h PASSWORD = *** user=me"),
    ],
)
def test_a_password_is_hidden(text: str, shown: str) -> None:
    assert hide_passwords(text) == shown


@pytest.mark.parametrize(
    "text",
    ["s3://bucket/prefix", "postgresql://me@host:5432/db", "127.0.0.1:6379", "lr=0.1", "a@b.c"],
)
def test_what_holds_no_password_stays(text: str) -> None:
    assert hide_passwords(text) == text


def test_a_command_line() -> None:
    words = ["launch.py", "--search-storage=postgresql://me:secret@h/d", "--plan"]
    assert hide_all_passwords(words) == [
        "launch.py",
        "--search-storage=postgresql://me:***@h/d",
        "--plan",
    ]
