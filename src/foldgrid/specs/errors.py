"""What a user can get wrong, said in four parts: where, found, allowed, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from foldgrid.specs.counted import counted

MAX_PROBLEMS_SHOWN = 20


class SweepError(Exception):
    """The root of user errors: shown without a traceback, exit code 2."""


class LaunchError(SweepError):
    """A launch that ended before its work was done; what it wrote is kept."""


@dataclass(frozen=True)
class Problem:
    """One mistake in an input.

    Attributes:
        where: The place inside the input: ``line 6``, ``row 12``, a photo's path.
        what: The key or column at fault, or "" where the place says it all.
        message: What was found, what is allowed, and what to do about it.
    """

    where: str
    what: str
    message: str

    def __post_init__(self) -> None:
        """Names come from tables and disks: what a terminal would obey is written out."""
        for part in ("where", "what", "message"):
            object.__setattr__(self, part, harmless(getattr(self, part)))


_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but the line's end, and those that turn the direction of writing."""


def harmless(text: str) -> str:
    r"""A text whose control characters are written out, as in ``\x1b``.

    Example:
        >>> print(harmless("red " + chr(27) + "[31m"))
        red \x1b[31m
    """
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


class PhotoError(SweepError):
    """A photograph that cannot be used.

    Attributes:
        path: The file.
        reason: What was found, what is allowed, the mend.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")

    def __reduce__(self) -> tuple[type[PhotoError], tuple[Path, str]]:
        """How it comes back from another process."""
        return PhotoError, (self.path, self.reason)

    @property
    def problem(self) -> Problem:
        """The same as a line of an `InputError`."""
        return Problem(str(self.path), "", self.reason)


class StorageAwayError(OSError):
    """An object store does not answer, and waiting did not help; ``filename`` names it."""


class InputError(SweepError):
    """A validation error: all mistakes of one input, in one message.

    Args:
        source: The input: a file's path, a command-line option.
        problems: Every mistake that was found, at least one. The first 20 are shown, then a count.
        advice: A closing line that says what to do, where the problems do not say it themselves.
    """

    def __init__(self, source: str, problems: Sequence[Problem], advice: str = "") -> None:
        self.source = source
        self.problems = tuple(problems)
        self.advice = advice
        super().__init__(_format(source, self.problems, advice))


class CorruptFileError(SweepError, ValueError):
    """A file that is not what was written: torn, changed, or of something else.

    Args:
        path: The file, for people.
        fault: What is wrong with it.
        mend: What to do; "" where whoever shows this says it.
    """

    def __init__(self, path: str, fault: str, mend: str = "") -> None:
        self.path, self.fault, self.mend = path, fault, mend
        super().__init__(f"{path}: {fault}." + (f"\n{mend}" if mend else ""))

    @classmethod
    def unreadable(
        cls, path: str, data: bytes, error: Exception, mend: str = ""
    ) -> CorruptFileError:
        """A file whose content cannot be made sense of.

        Args:
            path: The file, for people.
            data: Its content.
            error: Why not.
            mend: What to do.
        """
        first = (str(error).splitlines() or [type(error).__name__])[0]
        return cls(path, f"cannot be read ({first})" if data else "empty", mend)

    def __reduce__(self) -> tuple[type[CorruptFileError], tuple[str, str, str]]:
        return type(self), (self.path, self.fault, self.mend)


class MissingFileError(SweepError, FileNotFoundError):
    """A file that should be there and is not.

    Args:
        path: The file, for people.
        mend: What to do.
    """

    def __init__(self, path: str, mend: str = "") -> None:
        self.path, self.fault, self.mend = path, "is missing", mend
        super().__init__(f"{path}: is missing." + (f"\n{mend}" if mend else ""))

    def __str__(self) -> str:
        return f"{self.path}: {self.fault}." + (f"\n{self.mend}" if self.mend else "")

    def __reduce__(self) -> tuple[type[MissingFileError], tuple[str, str]]:
        return type(self), (self.path, self.mend)


def _format(source: str, problems: tuple[Problem, ...], advice: str) -> str:
    shown = problems[:MAX_PROBLEMS_SHOWN]
    where_width = max((len(problem.where) for problem in shown), default=0)
    what_width = max((len(problem.what) for problem in shown), default=0)
    count = counted(len(problems), "problem")
    lines = [f"{source}: {count}"]
    for problem in shown:
        columns = [problem.where.ljust(where_width)]
        if what_width:
            columns.append(problem.what.ljust(what_width))
        lines.append("  " + "   ".join([*columns, problem.message]).rstrip())
    if len(problems) > len(shown):
        lines.append(f"  … and {len(problems) - len(shown)} more")
    if advice:
        lines.append(advice)
    return "\n".join(lines)


def nearest(name: str, valid: Iterable[str], most: int = 3) -> list[str]:
    """The valid names that begin with ``name`` or look most like it, at most ``most`` of them."""
    spelled = {each.lower(): each for each in valid}
    typed = name.lower()
    longer = [each for each in sorted(spelled) if len(typed) > 2 and each.startswith(typed)]
    alike = difflib.get_close_matches(typed, list(spelled), n=most, cutoff=0.55)
    found = dict.fromkeys([*longer, *alike] if typed not in spelled else alike)
    return [spelled[each] for each in found][:most]


def did_you_mean(name: str, valid: Iterable[str], most: int = 3) -> str:
    """A sentence that offers the nearest valid names, or lists a few where none is near."""
    names = list(valid)
    close = nearest(name, names, most)
    if close:
        return "Did you mean " + " or ".join(f'"{each}"' for each in close) + "?"
    listed = ", ".join(sorted(names)[:12])
    return f"Known: {listed}{', …' if len(names) > 12 else ''}." if names else ""
