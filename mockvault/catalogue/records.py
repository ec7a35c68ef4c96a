"""What a downstream record looks like: an example of it, filled by Faker, and its schema.

A record is written as a tree of properties. A leaf says how its value is made: the name of a kind
(`first_name`), `pattern 003#######??`, a choice (`Open | Closed`), a fixed text (`= EUR`), or a
number, true or false as it stands.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache
from re import compile as pattern
from threading import Lock
from typing import Any, NamedTuple

PATTERN = "pattern "
FIXED = "= "
CHOICE = " | "
PLAIN_NAME = pattern(r"[A-Za-z_][A-Za-z0-9_]*")
FINDER = pattern(r"\$((\.[A-Za-z_][A-Za-z0-9_]*|\['[^']+'\]|\[\d+\])+)")
FINDER_STEP = pattern(r"\.([A-Za-z_][A-Za-z0-9_]*)|\['([^']+)'\]|\[(\d+)\]")

FIRST_DAY, LAST_DAY = date(2021, 1, 1), date(2025, 12, 31)
FIRST_BIRTHDAY, LAST_BIRTHDAY = date(1960, 1, 1), date(2002, 12, 31)
SECONDS_OF_A_DAY = 24 * 60 * 60

JSON_TYPE = {str: "string", bool: "boolean", int: "integer", float: "number"}

_one_at_a_time = Lock()


class Kind(NamedTuple):
    type: str
    make: Callable[[Any], Any]
    format: str | None = None


# Faker's own dates are reckoned from today, and would change as time goes by
def _day(fake: Any, first: date = FIRST_DAY, last: date = LAST_DAY) -> date:
    return date.fromordinal(fake.random_int(first.toordinal(), last.toordinal()))


def _moment(fake: Any) -> datetime:
    midnight = datetime.combine(_day(fake), time(), tzinfo=UTC)
    return midnight + timedelta(seconds=fake.random_int(0, SECONDS_OF_A_DAY - 1))


def _amount(fake: Any) -> float:
    return float(fake.random_int(1_000, 2_500_000)) / 100


def _email(fake: Any) -> str:
    return str(fake.safe_email())


def _domain(fake: Any) -> str:
    # a name that nobody can register, since someone might follow the link
    return f"{fake.domain_word()}.example"


def _file_name(fake: Any) -> str:
    return f"{fake.word()}-{fake.word()}.{fake.random_element(('pdf', 'docx', 'xlsx', 'png'))}"


def _path(fake: Any) -> str:
    return f"/{fake.word()}/{_file_name(fake)}"


def _handle(fake: Any) -> str:
    return f"{fake.first_name()}.{fake.last_name()}".lower()


KINDS: Mapping[str, Kind] = {
    "account_code": Kind("string", lambda fake: fake.numerify("%###")),
    "amount": Kind("number", _amount),
    "birthday": Kind("string", lambda fake: str(_day(fake, FIRST_BIRTHDAY, LAST_BIRTHDAY)), "date"),
    "boolean": Kind("boolean", lambda fake: fake.boolean()),
    "city": Kind("string", lambda fake: fake.city()),
    "color": Kind("string", lambda fake: fake.hex_color()),
    "company": Kind("string", lambda fake: fake.company()),
    "count": Kind("integer", lambda fake: fake.random_int(1, 250)),
    "country": Kind("string", lambda fake: fake.country()),
    "country_code": Kind("string", lambda fake: fake.country_code()),
    "currency": Kind("string", lambda fake: fake.random_element(("EUR", "USD", "GBP", "CAD"))),
    "date": Kind("string", lambda fake: str(_day(fake)), "date"),
    "date_time": Kind(
        "string", lambda fake: _moment(fake).isoformat().replace("+00:00", "Z"), "date-time"
    ),
    "domain": Kind("string", _domain),
    "email": Kind("string", _email, "email"),
    "epoch": Kind("integer", lambda fake: int(_moment(fake).timestamp())),
    "epoch_ms": Kind("integer", lambda fake: int(_moment(fake).timestamp()) * 1000),
    "file_name": Kind("string", _file_name),
    "first_name": Kind("string", lambda fake: fake.first_name()),
    "gender": Kind("string", lambda fake: fake.random_element(("Female", "Male", "Other"))),
    "handle": Kind("string", _handle),
    "hash": Kind("string", lambda fake: fake.sha1()),
    "iban": Kind("string", lambda fake: fake.iban()),
    "id": Kind("integer", lambda fake: fake.random_int(10_000, 9_999_999)),
    "id_text": Kind("string", lambda fake: str(fake.random_int(10_000, 9_999_999))),
    "industry": Kind(
        "string",
        lambda fake: fake.random_element(("Software", "Retail", "Logistics", "Health", "Energy")),
    ),
    "job": Kind("string", lambda fake: fake.job()),
    "language": Kind("string", lambda fake: fake.random_element(("en", "nl", "de", "fr", "es"))),
    "last_name": Kind("string", lambda fake: fake.last_name()),
    "name": Kind("string", lambda fake: fake.name()),
    "paragraph": Kind("string", lambda fake: fake.paragraph()),
    "path": Kind("string", _path),
    "percentage": Kind("integer", lambda fake: fake.random_int(0, 100)),
    "phone": Kind("string", lambda fake: fake.numerify("+1 555 01## ###")),
    "postal_code": Kind("string", lambda fake: fake.postcode()),
    "rate": Kind("number", lambda fake: fake.random_element((5.5, 6.25, 9.5, 20.5, 21.5))),
    "salary": Kind("integer", lambda fake: fake.random_int(28, 140) * 1000),
    "sentence": Kind("string", lambda fake: fake.sentence()),
    "size": Kind("integer", lambda fake: fake.random_int(1_024, 50_000_000)),
    "state": Kind("string", lambda fake: fake.state()),
    "street": Kind("string", lambda fake: fake.street_address()),
    "time_zone": Kind(
        "string",
        lambda fake: fake.random_element(("Europe/Brussels", "America/New_York", "Asia/Tokyo")),
    ),
    "title": Kind("string", lambda fake: fake.sentence(nb_words=4).rstrip(".")),
    "url": Kind("string", lambda fake: f"https://{_domain(fake)}/{fake.word()}", "uri"),
    "uuid": Kind("string", lambda fake: str(fake.uuid4()), "uuid"),
    "website": Kind("string", lambda fake: f"https://www.{_domain(fake)}", "uri"),
    "word": Kind("string", lambda fake: fake.word()),
}
"""How the value of a leaf is made, by the name of its kind."""


def why_not_a_leaf(leaf: str) -> str | None:
    """Return what is wrong with the words of a leaf, or nothing.

    >>> why_not_a_leaf("frist_name")
    "'frist_name' is not a kind of value (did you mean 'first_name'?)"
    """
    if leaf in KINDS or leaf.startswith((PATTERN, FIXED)) or CHOICE in leaf:
        return None
    near = get_close_matches(leaf, KINDS, n=1)
    suggestion = f" (did you mean '{near[0]}'?)" if near else ""
    return f"'{leaf}' is not a kind of value{suggestion}"


def example_of(record: Mapping[str, Any], seed: str) -> dict[str, Any]:
    """Return a record as it is described, always the same for the same seed."""
    with _one_at_a_time:
        fake = _faker()
        fake.seed_instance(seed)
        return {name: _made(part, fake) for name, part in record.items()}


@cache
def _faker() -> Any:
    # importing faker and building it takes longer than loading the whole catalogue
    from faker import Faker  # noqa: PLC0415

    return Faker("en_US")


def _made(part: Any, fake: Any) -> Any:
    if isinstance(part, Mapping):
        return {name: _made(child, fake) for name, child in part.items()}
    if isinstance(part, list | tuple):
        return [_made(child, fake) for child in part]
    return _leaf_made(part, fake) if isinstance(part, str) else part


def _leaf_made(leaf: str, fake: Any) -> Any:
    if leaf in KINDS:
        return KINDS[leaf].make(fake)
    if leaf.startswith(PATTERN):
        return fake.bothify(leaf.removeprefix(PATTERN), letters="abcdefghijkmnpqrstuvwxyz")
    if leaf.startswith(FIXED):
        return leaf.removeprefix(FIXED)
    return fake.random_element(leaf.split(CHOICE))


def schema_of(
    record: Mapping[str, Any], example: Mapping[str, Any], path: str = "$"
) -> dict[str, Any]:
    """Return a JSON Schema of a record; each description is the JSONPath of its property.

    >>> schema_of({"Stage": "Open | Won"}, {"Stage": "Won"})["properties"]["Stage"]
    {'type': 'string', 'description': '$.Stage', 'example': 'Won'}
    """
    properties = {
        name: _part_schema(part, example[name], path + _step(name)) for name, part in record.items()
    }
    return {"type": "object", "properties": properties}


def _part_schema(part: Any, example: Any, path: str) -> dict[str, Any]:
    told = {"description": path, "example": example}
    if isinstance(part, Mapping):
        return schema_of(part, example, path) | told
    if isinstance(part, list | tuple):
        return {"type": "array", "items": _part_schema(part[0], example[0], f"{path}[0]")} | told
    return _leaf_type(part) | told


def _leaf_type(leaf: Any) -> dict[str, Any]:
    kind = KINDS.get(leaf) if isinstance(leaf, str) else None
    if kind is None:
        return {"type": JSON_TYPE[type(leaf)]}
    return {"type": kind.type, "format": kind.format} if kind.format else {"type": kind.type}


def _step(name: str) -> str:
    return f".{name}" if PLAIN_NAME.fullmatch(name) else f"['{name}']"


class NothingThere(LookupError):
    """A finder leads to no part of a record."""

    def __init__(self, finder: str) -> None:
        super().__init__(f"'{finder}' leads to nothing in the record")
        self.finder = finder


def found(finder: str, record: Any) -> Any:
    """Return what a finder, a JSONPath of plain steps, leads to.

    >>> found("$.custom['Shoe size'][0]", {"custom": {"Shoe size": [42]}})
    42
    """
    if not FINDER.fullmatch(finder):
        raise NothingThere(finder)
    part: Any = record
    for step in _steps(finder):
        if not isinstance(part, Mapping if isinstance(step, str) else list | tuple):
            raise NothingThere(finder)
        try:
            part = part[step]  # type: ignore[index]
        except LookupError:
            raise NothingThere(finder) from None
    return part


def _steps(finder: str) -> Iterator[str | int]:
    for plain, quoted, index in FINDER_STEP.findall(finder):
        yield int(index) if index else plain or quoted
