"""What is wrong with a fixture, and where."""

from collections.abc import Iterable


class BrokenFixture(Exception):
    """A fixture says something that no connector can be made of."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class BrokenFixtures(Exception):
    """Everything that is wrong with a directory of fixtures, a line for each problem."""

    def __init__(self, problems: Iterable[BrokenFixture]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
