"""YAML nodes read by shape: what stands there, or on which line it is wrong and why.

A reader takes a node and returns its value, or raises `Unreadable` with every problem below it.
Readers of parts are put together to readers of wholes, which collect the problems of their parts.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from yaml import MappingNode, Node, ScalarNode, SequenceNode

Step = str | int
Path = tuple[Step, ...]
Reader = Callable[[Node], Any]
Complaint = tuple[Path, str]
Rule = Callable[[Any], Iterable[Complaint]]
"""What must hold of a value beyond its shape; it complains of the parts where it does not."""

STRING = "tag:yaml.org,2002:str"
BOOLEAN = "tag:yaml.org,2002:bool"
INTEGER = "tag:yaml.org,2002:int"
FLOAT = "tag:yaml.org,2002:float"
NULL = "tag:yaml.org,2002:null"
TRUE_WORDS = frozenset({"true", "yes", "on"})


class Problem(NamedTuple):
    line: int
    path: Path
    reason: str

    def __str__(self) -> str:
        """Say it as a person would look it up: `form_fields[0].type: ...`."""
        return f"{spelled(self.path)}: {self.reason}" if self.path else self.reason


class Unreadable(Exception):
    """A node does not hold what its place asks for."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))

    def below(self, step: Step) -> Iterator[Problem]:
        """Yield the problems as they are told from one step further out."""
        for problem in self.problems:
            yield problem._replace(path=(step, *problem.path))


def refusal(node: Node, reason: str) -> Unreadable:
    """Return the one problem that a node has."""
    return Unreadable([Problem(line_of(node), (), reason)])


def line_of(node: Node) -> int:
    """Return the line that a node begins on, counted from one."""
    return int(node.start_mark.line) + 1


def spelled(path: Path) -> str:
    """Write a path down.

    >>> spelled(("form_fields", 0, "type"))
    'form_fields[0].type'
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def shown(node: Node) -> str:
    """Name what stands in a node, for a sentence that refuses it."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if node.tag == NULL:
        return "nothing"
    return f"'{node.value}'"


def text(node: Node) -> str:
    """Read a text that says something."""
    value = any_text(node)
    if not value.strip():
        raise refusal(node, "is empty")
    return value


def any_text(node: Node) -> str:
    """Read a text, which may be empty."""
    if node.tag != STRING:
        quote = ", quote it if it is meant as text" if isinstance(node, ScalarNode) else ""
        raise refusal(node, f"{shown(node)} is not text{quote}")
    return str(node.value)


def flag(node: Node) -> bool:
    """Read true or false."""
    if node.tag != BOOLEAN:
        raise refusal(node, f"{shown(node)} is not true or false")
    return node.value.lower() in TRUE_WORDS


def scalar(node: Node) -> str | int | float | bool:
    """Read one text, number, true or false."""
    if node.tag == BOOLEAN:
        return flag(node)
    if node.tag in {INTEGER, FLOAT}:
        return _number(node)
    return any_text(node)


def scalar_or_list(node: Node) -> Any:
    """Read one scalar, or several."""
    return _scalars(node) if isinstance(node, SequenceNode) else scalar(node)


def _number(node: Node) -> int | float:
    try:
        return int(node.value) if node.tag == INTEGER else float(node.value)
    except ValueError:
        raise refusal(node, f"'{node.value}' is not a decimal number") from None


def one_of(words: Collection[str]) -> Reader:
    """Return a reader of one of the words."""

    def read(node: Node) -> str:
        if node.tag == STRING and node.value in words:
            return str(node.value)
        raise refusal(node, f"{shown(node)} is not one of {', '.join(words)}{hint(node, words)}")

    return read


def hint(node: Node, words: Iterable[str]) -> str:
    """Suggest the known word that was probably meant, or nothing."""
    near = get_close_matches(str(node.value), list(words), n=1) if node.tag == STRING else []
    return f" (did you mean '{near[0]}'?)" if near else ""


def sequence(part: Reader, rules: Iterable[Rule] = ()) -> Reader:
    """Return a reader of a list whose items are all alike."""
    rules = tuple(rules)

    def read(node: Node) -> tuple[Any, ...]:
        if not isinstance(node, SequenceNode):
            raise refusal(node, f"{shown(node)} is not a list")
        values, problems = [], list[Problem]()
        for index, child in enumerate(node.value):
            try:
                values.append(part(child))
            except Unreadable as unreadable:
                problems.extend(unreadable.below(index))
        if problems:
            raise Unreadable(problems)
        read_values: tuple[Any, ...] = judged(tuple(values), node, rules)
        return read_values

    return read


_scalars = sequence(scalar)


def mapping(
    shape: Mapping[str, Reader],
    *,
    required: Collection[str] = (),
    build: Callable[..., Any] = dict,
    rules: Iterable[Rule] = (),
) -> Reader:
    """Return a reader of a mapping of known keys, from which `build` makes the value."""
    rules = tuple(rules)

    def reader_of(key: Node) -> Reader:
        if key.value not in shape:
            raise refusal(key, f"{shown(key)} is not known here{hint(key, shape)}")
        return shape[key.value]

    def read(node: Node) -> Any:
        values, problems = _entries(node, reader_of)
        named = {key.value for key, _ in node.value if isinstance(key, ScalarNode)}
        problems.extend(
            Problem(line_of(node), (), f"'{key}' is missing")
            for key in required
            if key not in named
        )
        if problems:
            raise Unreadable(problems)
        return judged(build(**values), node, rules)

    return read


def keyed(part: Reader, keys: Collection[str] | None = None) -> Reader:
    """Return a reader of a mapping whose values are all alike, under the given keys or any."""

    def reader_of(key: Node) -> Reader:
        if keys is not None and key.value not in keys:
            known = ", ".join(keys)
            raise refusal(key, f"{shown(key)} is not one of {known}{hint(key, keys)}")
        return part

    def read(node: Node) -> dict[str, Any]:
        values, problems = _entries(node, reader_of)
        if problems:
            raise Unreadable(problems)
        return values

    return read


def _entries(
    node: Node, reader_of: Callable[[Node], Reader]
) -> tuple[dict[str, Any], list[Problem]]:
    if not isinstance(node, MappingNode):
        raise refusal(node, f"{shown(node)} is not a mapping")
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    first_lines: dict[str, int] = {}
    for key, child in node.value:
        try:
            name = text(key)
            if name in first_lines:
                raise refusal(key, f"'{name}' stands here twice, first on line {first_lines[name]}")
            first_lines[name] = line_of(key)
            reader = reader_of(key)
        except Unreadable as unreadable:
            problems.extend(unreadable.problems)
            continue
        try:
            values[name] = reader(child)
        except Unreadable as unreadable:
            problems.extend(unreadable.below(name))
    return values, problems


def judged(value: Any, node: Node, rules: Iterable[Rule]) -> Any:
    """Return the value when no rule complains of it."""
    problems = [located(node, path, reason) for rule in rules for path, reason in rule(value)]
    if problems:
        raise Unreadable(problems)
    return value


def located(node: Node, path: Path, reason: str) -> Problem:
    """Return a complaint with the line of the part it is about, or of the nearest part around."""
    line = line_of(node)
    for step in path:
        child = _child(node, step)
        if child is None:
            break
        line, node = child
    return Problem(line, path, reason)


def _child(node: Node, step: Step) -> tuple[int, Node] | None:
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return line_of(node.value[step]), node.value[step]
    if isinstance(node, MappingNode):
        return next(((line_of(key), child) for key, child in node.value if key.value == step), None)
    return None
