"""What can go wrong: every message says which parameter, what was asked, what is wrong, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self


class Problem(NamedTuple):
    """Why one parameter cannot get what was asked for."""

    param: str
    """The parameter, or what stands in its place."""
    asked: str
    """What was asked: ``he(fan=in)``."""
    wrong: str
    """What is wrong, with the value that is wrong."""
    expected: str
    """What would have been right."""
    remedy: str
    """What to do."""

    def __str__(self) -> str:
        subject = f"`{self.param}`: " if self.param else ""
        asked = f"{self.asked}: " if self.asked else ""
        return f"{subject}{asked}{self.wrong}; expected {self.expected}. {self.remedy}"


class Error(Exception):
    """Any failure of fanin; ``problems`` holds all there are, not the first."""

    def __init__(self, text: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems)

    @classmethod
    def of(cls, parts: Iterable[tuple[str, str, str, str, str]]) -> Self:
        """The failure with these problems, each in its five parts."""
        problems = [Problem(*part) for part in parts]
        if len(problems) == 1:
            return cls(str(problems[0]), problems)
        listed = "\n".join(f"  - {problem}" for problem in problems)
        return cls(f"there are {len(problems)} problems:\n{listed}", problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (str(self), self.problems))


class Refused(Error, ValueError):
    """Something was asked that cannot be done."""


class FileError(Error, OSError):
    """A file cannot be read or written, or is not what it says it is."""


def refused(param: str, asked: str, wrong: str, expected: str, remedy: str) -> Refused:
    """The refusal of one problem."""
    return Refused.of([(param, asked, wrong, expected, remedy)])
