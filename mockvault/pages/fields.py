"""Form fields as a page shows them, and what a posted form says of them.

A value that is a secret, or looks like one, is never written into a page: its field shows that
something is saved, and an empty field leaves that as it is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockvault.domain.states import is_filled
from mockvault.pages.requests import Form

JsonObject = Mapping[str, Any]

INPUT_TYPES = {
    "text": "text",
    "email": "email",
    "tel": "tel",
    "url": "url",
    "number": "number",
    "date": "date",
    "time": "time",
    "datetime": "datetime-local",
    "password": "password",
}
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")
CHOICES = ("select", "filtered-select", "multi-select")
PREFIX = "field."
OTHER = "other."
"""The names of inputs: the field's own, and that of a value beyond its options."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select: `text` is how a form says its value."""

    text: str
    label: str
    value: Any
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Options under a heading; those of a select without headings have none."""

    id: str
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class FieldView:
    """A form field as a template needs it."""

    id: str
    name: str
    label: str
    type: str
    control: str
    value: str
    placeholder: str
    description: str
    prefix: str
    suffix: str
    is_required: bool
    is_disabled: bool
    is_secret: bool
    is_saved: bool
    allows_custom: bool
    custom_value: str
    filtered_by: str
    groups: tuple[Group, ...]
    problem: str = ""


def shown_fields(
    fields: Sequence[JsonObject],
    form: Form | None = None,
    problems: Mapping[str, str] | None = None,
) -> list[FieldView]:
    """Return the fields that are shown: neither hidden nor deprecated.

    With a `form` that was refused they hold what it said.
    """
    return [
        _view(field, form, (problems or {}).get(field["id"], ""))
        for field in fields
        if not field.get("hidden") and not field.get("deprecated")
    ]


def said(fields: Sequence[JsonObject], form: Form) -> dict[str, Any]:
    """Return the values that a form says, by field; None is for one that was emptied.

    A field that is hidden, disabled or not in the form is left out; so is a secret not typed.
    """
    return {
        field["id"]: value
        for field in fields
        if not field.get("hidden") and not field.get("deprecated") and not field.get("disabled")
        for value in _said(field, form)
    }


def problems_of(fields: Sequence[JsonObject], values: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with the values, by field: a required one that is empty, no number."""
    found = {}
    for field in fields:
        field_id = field["id"]
        if field_id not in values:
            continue
        value = values[field_id]
        if field.get("required") and not is_filled(value):
            found[field_id] = "Enter a value"
        elif field["type"] == "number" and isinstance(value, str) and value:
            found[field_id] = "Enter a number"
    return found


def _view(field: JsonObject, form: Form | None, problem: str) -> FieldView:
    field_id, type_ = field["id"], field.get("type", "text")
    value = field.get("value")
    if form is not None and not field.get("disabled"):
        value = next(iter(_said(field, form)), value)
    is_secret = bool(field.get("sensitive")) or type_ == "password"
    groups = tuple(_groups(field, value))
    known = {choice.text for group in groups for choice in group.choices}
    chosen = value if isinstance(value, list) else [value]
    others = [_text(each) for each in chosen if is_filled(each) and _text(each) not in known]
    return FieldView(
        id=f"f-{field_id}",
        name=PREFIX + field_id,
        label=field.get("label") or field_id,
        type="password" if is_secret or field.get("mask") else INPUT_TYPES.get(type_, "text"),
        control=_control(type_),
        value="" if is_secret else _shown_value(type_, value),
        placeholder=field.get("placeholder") or "",
        description=field.get("description") or "",
        prefix=field.get("prefix") or "",
        suffix=field.get("suffix") or "",
        is_required=bool(field.get("required")),
        is_disabled=bool(field.get("disabled")),
        is_secret=is_secret,
        is_saved=is_secret and is_filled(field.get("value")),
        allows_custom=type_ in CHOICES and bool(field.get("allow_custom_values")),
        custom_value=", ".join(others),
        filtered_by=(field.get("filter") or {}).get("value", "")
        if type_ == "filtered-select"
        else "",
        groups=groups,
        problem=problem,
    )


def _control(type_: str) -> str:
    if type_ in ("select", "filtered-select"):
        return "select"
    return type_ if type_ in ("multi-select", "checkbox", "textarea") else "input"


def _groups(field: JsonObject, value: Any) -> Iterator[Group]:
    chosen = {_text(each) for each in (value if isinstance(value, list) else [value])}
    plain: list[Choice] = []
    for option in field.get("options") or ():
        if "options" in option:
            choices = tuple(_choice(each, chosen) for each in option["options"])
            yield Group(str(option.get("id", "")), str(option.get("label", "")), choices)
        else:
            plain.append(_choice(option, chosen))
    if plain:
        yield Group("", "", tuple(plain))


def _choice(option: JsonObject, chosen: set[str]) -> Choice:
    value = option.get("value")
    text = _text(value)
    return Choice(text, str(option.get("label") or text), value, text in chosen)


def _said(field: JsonObject, form: Form) -> Iterator[Any]:
    """Yield the value that the form says of the field, or nothing."""
    field_id, type_ = field["id"], field.get("type", "text")
    name = PREFIX + field_id
    given = form.get(name)
    if type_ == "checkbox":
        yield given is not None
    elif type_ in CHOICES:
        yield from _said_choice(field, form, given)
    elif given is not None:
        text = given[0].strip()
        is_secret = field.get("sensitive") or type_ == "password"
        if text or not (is_secret and is_filled(field.get("value"))):
            yield _typed(type_, text)


def _said_choice(field: JsonObject, form: Form, given: list[str] | None) -> Iterator[Any]:
    other = form.get(OTHER + field["id"], [""])[0].strip()
    is_many = field.get("type") == "multi-select"
    if given is None and not other and not is_many:
        return
    by_text = {
        choice.text: choice.value for group in _groups(field, None) for choice in group.choices
    }
    chosen = [by_text[text] for text in given or () if text in by_text]
    if other and field.get("allow_custom_values"):
        chosen += [each.strip() for each in other.split(",") if each.strip()] if is_many else []
        chosen = chosen if is_many else [other]
    if is_many:
        yield chosen
    else:
        yield chosen[0] if chosen else None


def _typed(type_: str, text: str) -> Any:
    if not text:
        return None
    if type_ == "number" and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    if type_ == "datetime" and len(text) == len("2024-03-26T09:00"):
        return f"{text}:00.000Z"
    return text


def _shown_value(type_: str, value: Any) -> str:
    if type_ == "checkbox":
        return "on" if value is True or value == "true" else ""
    if not is_filled(value) or isinstance(value, (list, dict)):
        return ""
    text = _text(value)
    return text[: len("2024-03-26T09:00")] if type_ == "datetime" else text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(_text(each) for each in value) if isinstance(value, list) else str(value)
