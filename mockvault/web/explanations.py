"""Errors of compiled schemas told as violations: what was expected, what was got, which rule."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from jsonschema_rs import Draft4Validator, ValidationError, ValidationErrorKind

from mockvault.contract import escape, pointer_of, tokens_of
from mockvault.domain.entities import made
from mockvault.web.narrowing import MANY, narrowed
from mockvault.web.schemas import Schemas
from mockvault.web.violations import (
    SHOWN,
    Violation,
    cut,
    is_secret,
    listed,
    nearest,
    shown,
    type_name,
)

MOST = 100
_FEW = 12
_VOWELS = tuple("aeio")
_Path = list[str | int]

_MUST = {
    "format": "must be a {}",
    "maximum": "must be at most {}",
    "minimum": "must be at least {}",
    "maxItems": "must have at most {} items",
    "minItems": "must have at least {} items",
    "maxLength": "must have at most {} characters",
    "minLength": "must have at least {} characters",
    "maxProperties": "must have at most {} properties",
    "minProperties": "must have at least {} properties",
    "multipleOf": "must be a multiple of {}",
    "pattern": "must match the pattern {}",
    "uniqueItems": "must not hold the same item twice",
    "not": "is what the contract rules out",
}


_PLAIN = frozenset(
    {
        ValidationErrorKind.Type,
        ValidationErrorKind.Enum,
        ValidationErrorKind.Format,
        ValidationErrorKind.Pattern,
        ValidationErrorKind.MaxLength,
        ValidationErrorKind.MinLength,
        ValidationErrorKind.Maximum,
        ValidationErrorKind.Minimum,
    }
)
"""The commonest errors, which one sentence tells."""
_TELLINGS, _LONGEST_PATH = 1_024, 8
"""Sentences that are kept, and the steps of a place that they tell of at most."""


class _Telling(NamedTuple):
    """All that a violation says but what was got; how that is found, and whether it is shown."""

    steps: tuple[str | int, ...]
    where: str
    keyword: str
    message: str
    expected: Any
    rule: str
    is_secret: bool


class Explainer:
    """Tells what is wrong with a value of one part of a message, for one direction of traffic."""

    def __init__(self, schemas: Schemas, location: str) -> None:
        self.schemas = schemas
        self.contract = schemas.contract
        self.location = location
        # the places of a contract are few, and told of again and again
        self._published = lru_cache(maxsize=4096)(self.contract.published)
        self._pointer = lru_cache(maxsize=4096)(_pointer_of)
        self._expected = lru_cache(maxsize=4096)(self._resolved)
        self._place = lru_cache(maxsize=4096)(schemas.place)
        self._rule = lru_cache(maxsize=4096)(self._ruled)
        self._tellings: dict[tuple[Any, ...], _Telling] = {}
        self._known: dict[str, dict[tuple[str | None, str], _Telling]] = {}
        """By the schema that was broken: tellings by the addresses of a rule and of a value."""

    def explain(
        self, pointer: str, value: Any, base: Iterable[str] = (), *, size: int | None = None
    ) -> list[Violation]:
        """Return what of the schema at `pointer` `value` breaks, at most a hundred violations.

        `base` is where the value stands in its part of the message, `size` the bytes that write
        it, if they are known.
        """
        validator = self.schemas.validator(pointer)
        if size is not None and size <= MANY and not base:
            known = self._told_again(pointer, validator, value)
            if known is not None:
                return known
        part = value
        if size is None or size > MANY:  # no value is written by less than a byte
            part = narrowed(value, validator.is_valid, self.schemas.names)
        whole = _Whole(list(base), value)
        told: list[Violation] = []
        for error in validator.iter_errors(part):
            if type(error.kind) in _PLAIN:
                told.append(self._plain(error, whole, pointer))
            else:
                told += islice(self._told(error, whole), MOST)
            if len(told) >= MOST:
                return told[:MOST]
        return told

    def _told_again(
        self, pointer: str, validator: Draft4Validator, value: Any
    ) -> list[Violation] | None:
        """Return what is told of a value whose errors have all been told before of others.

        None where one of them has not: it is found out in another way, which takes twice the time.
        """
        known = self._known.get(pointer)
        if known is None:
            return None
        told: list[Violation] = []
        for error in validator.evaluate(value).errors():
            telling = known.get((error["absoluteKeywordLocation"], error["instanceLocation"]))
            if telling is None or len(told) == MOST:
                return None
            node = value
            for step in telling.steps:
                node = node[step]
            told.append(self._violation(telling, node))
        return told or None

    def violation(
        self,
        path: Iterable[str | int],
        keyword: str,
        message: str,
        *,
        expected: Any,
        got: Any,
        rule: str,
        hint: str | None = None,
    ) -> Violation:
        """Return a violation at `path`; `rule` may stand in the overlaid contract."""
        published = self._published(rule)
        return Violation(
            self.location, _where(path), keyword, message, expected, got, published, hint
        )

    def subject(self, path: list[Any]) -> str:
        """Return what a sentence calls the value at `path`."""
        if self.location == "body":
            return _where(path) or "the body"
        first, *rest = map(_short, path)
        return first + "".join(f"[{step}]" for step in rest)

    def _told(self, error: ValidationError, whole: "_Whole") -> Iterator[Violation]:
        kind = error.kind
        if type(kind) in _PLAIN:
            yield self._plain(error, whole)
            return
        tokens, wrapped = self._place(tuple(error.schema_path))
        path = [*whole.base, *error.instance_path]
        if wrapped and isinstance(kind, ValidationErrorKind.AnyOf):
            for inner in kind.context[0]:
                yield from self._told(inner, whole)
        elif isinstance(kind, ValidationErrorKind.AnyOf | ValidationErrorKind.OneOfNotValid):
            yield from self._no_branch(error, kind.context, tokens, whole)
        elif isinstance(kind, ValidationErrorKind.AdditionalProperties):
            yield from self._unknown(error, kind.unexpected, path, tokens)
        elif isinstance(kind, ValidationErrorKind.Required):
            yield self._missing(error, kind.property, path, tokens)
        else:
            yield self._plain(error, whole)

    def _plain(
        self, error: ValidationError, whole: "_Whole", pointer: str | None = None
    ) -> Violation:
        """Return what one sentence tells: the same of each value that breaks a rule at a place.

        `pointer` is the schema that was broken, where the error is one of its own.
        """
        steps, kind = error.instance_path, error.kind
        key = (type(kind), *whole.base, None, *steps, None, *error.schema_path)
        telling = self._tellings.get(key)
        if telling is None:
            telling = self._told_once(error, whole.base)
            if len(steps) <= _LONGEST_PATH and all(len(str(step)) <= SHOWN for step in steps):
                if len(self._tellings) >= _TELLINGS:
                    self._tellings.clear()
                    self._known.clear()
                self._tellings[key] = telling
                address = error.absolute_keyword_location
                if pointer is not None and address is not None and not whole.base:
                    self._know(pointer, address, telling)
        return self._violation(telling, whole.at(steps))

    def _know(self, pointer: str, address: str, telling: _Telling) -> None:
        """Keep what is told of a rule that holds for whatever the schema at `pointer` describes."""
        if address.rpartition("/")[0] in self.schemas.holding(pointer):
            place = (address, pointer_of(telling.steps, ""))
            self._known.setdefault(pointer, {})[place] = telling

    def _violation(self, telling: _Telling, value: Any) -> Violation:
        """Return the violation that a telling makes of a value."""
        _, where, keyword, message, expected, rule, is_secret = telling
        hint = None
        if keyword == "enum":
            hint = self._near_miss(value, expected if isinstance(expected, list) else [])
        got = type_name(value) if is_secret and not isinstance(value, dict | list) else shown(value)
        told = (self.location, where, keyword, message, expected, got, rule, hint)
        return made(Violation, told)

    def _told_once(self, error: ValidationError, base: _Path) -> _Telling:
        steps = tuple(error.instance_path)
        path = [*base, *steps]
        tokens, _ = self._place(tuple(error.schema_path))
        keyword = error.kind.name
        rule, expected, must, published = self._rule(tokens, keyword)
        if isinstance(error.kind, ValidationErrorKind.OneOfMultipleValid):
            must = "fits more than one of the alternatives"
            expected = self._alternatives(rule, expected)
        message = f"{self.subject(path)} {must}"
        return _Telling(steps, _where(path), keyword, message, expected, published, is_secret(path))

    def _ruled(self, tokens: tuple[str, ...], keyword: str) -> tuple[str, Any, str, str]:
        """Return the rule at a place of the contract, what it expects, and that as a sentence.

        Last comes the rule as it is published.
        """
        rule = self._pointer(tokens)
        expected = self._expected(rule)
        if keyword == "type":
            expected = f"{expected} or null" if self._nullable(tokens) else expected
            must = f"must be {_article(expected)}"
        elif keyword == "enum":
            choices = expected if isinstance(expected, list) else []
            few = [cut(str(choice)) for choice in choices[:_FEW]]
            must = f"must be one of {listed([*few, '…'] if len(choices) > _FEW else few)}"
        else:
            must = _MUST.get(keyword, "breaks the rule " + keyword).format(expected)
        return rule, expected, must, self._published(rule)

    def _unknown(
        self, error: ValidationError, names: list[str], path: _Path, tokens: tuple[str, ...]
    ) -> Iterator[Violation]:
        declared = self._properties(tokens[:-1])
        instance = error.instance if isinstance(error.instance, dict) else {}
        for name in names:
            where = [*path, name]
            near = nearest(name, [one for one in declared if one not in instance])
            yield self.violation(
                where,
                "additionalProperties",
                f"{self.subject(where)} is not a property that the contract has here",
                expected=f"only {listed(sorted(declared), 'and')}" if declared else "no properties",
                got=shown(instance.get(name), where),
                rule=pointer_of(tokens),
                hint=f"did you mean {near}?" if near else None,
            )

    def _missing(
        self, error: ValidationError, name: str, path: _Path, tokens: tuple[str, ...]
    ) -> Violation:
        declared = self._properties(tokens[:-1])
        instance = error.instance if isinstance(error.instance, dict) else {}
        near = nearest(name, [one for one in instance if one not in declared])
        where = [*path, name]
        return self.violation(
            where,
            "required",
            f"{self.subject(where)} is required",
            expected=f"a property {name}",
            got="nothing",
            rule=pointer_of(tokens),
            hint=f"did you mean {name}? there is a property {cut(near)}" if near else None,
        )

    def _no_branch(
        self,
        error: ValidationError,
        context: list[list[ValidationError]],
        tokens: tuple[str, ...],
        whole: "_Whole",
    ) -> Iterator[Violation]:
        path = [*whole.base, *error.instance_path]
        at_home = error.instance_path
        fitting = [branch for branch in context if not _is_elsewhere(branch, at_home)]
        if fitting:  # of the branches of the right type, the one that comes closest
            for inner in min(fitting, key=len):
                yield from self._told(inner, whole)
            return
        rule = pointer_of(tokens)
        expected = self._alternatives(rule, self._expected(rule))
        yield self.violation(
            path,
            error.kind.name,
            f"{self.subject(path)} must be {_article(expected)}",
            expected=expected,
            got=shown(whole.at(error.instance_path), path),
            rule=rule,
        )

    def _alternatives(self, rule: str, branches: Any) -> str:
        told: list[str] = []
        for position, branch in enumerate(branches if isinstance(branches, list) else []):
            node, _ = self.contract.follow(branch, f"{rule}/{position}")
            name = str(node.get("title") or node.get("type") or "another schema")
            if name not in told:
                told.append(name)
        if self._nullable(tuple(tokens_of(rule))):
            told.append("null")
        return listed(told) if told else "one of the alternatives"

    def _resolved(self, rule: str) -> Any:
        try:
            return self.contract.resolve(rule)
        except LookupError:
            return None

    def _nullable(self, tokens: tuple[str, ...]) -> bool:
        node = self._expected(self._pointer(tuple(tokens[:-1])))
        return isinstance(node, dict) and node.get("nullable") is True

    def _properties(self, tokens: tuple[str, ...]) -> list[str]:
        node = self._expected(pointer_of(tokens))
        return list(node.get("properties", {})) if isinstance(node, dict) else []

    @staticmethod
    def _near_miss(instance: Any, choices: list[Any]) -> str | None:
        if not isinstance(instance, str):
            return None
        near = nearest(instance, [choice for choice in choices if isinstance(choice, str)])
        return f"did you mean {near}?" if near else None


def _pointer_of(tokens: tuple[str, ...]) -> str:
    return pointer_of(tokens)


class _Whole:
    """The whole value that is told of, of which errors may have seen only a part."""

    def __init__(self, base: _Path, value: Any) -> None:
        self.base = base
        self.value = value

    def at(self, path: _Path) -> Any:
        node = self.value
        for step in path:
            node = node[step]
        return node


def _is_elsewhere(branch: list[ValidationError], at_home: list[str | int]) -> bool:
    """Tell whether a branch fails on the value's very type or fixed values, not on its parts."""
    return any(
        error.instance_path == at_home and error.kind.name in {"type", "enum"} for error in branch
    )


def _article(words: Any) -> str:
    return f"{'an' if str(words)[:1] in _VOWELS else 'a'} {words}"


def _where(path: Iterable[str | int]) -> str:
    """Return the JSON pointer of a place in what was sent, long names cut."""
    return "".join(map(_step, path))


@lru_cache(maxsize=1024, typed=True)
def _step(step: str | int) -> str:
    return f"/{escape(cut(str(step)))}"


def _short(step: Any) -> str:
    return cut(str(step))
