"""The shape of the catalogue's files: which keys they have, and what each may hold."""

from collections.abc import Iterator, Mapping
from re import compile as pattern
from typing import Any

from yaml import MappingNode, Node, SequenceNode

from mockvault.catalogue.reading import (
    NULL,
    Complaint,
    Path,
    Reader,
    any_text,
    flag,
    keyed,
    mapping,
    one_of,
    refusal,
    scalar,
    scalar_or_list,
    sequence,
    text,
)
from mockvault.catalogue.records import why_not_a_leaf
from mockvault.domain.connectors import AuthType, CustomField, FormField, GrantType, Provider

UNIFIED_APIS = (
    "accounting", "ats", "calendar", "crm", "csp", "customer-support", "ecommerce", "email",
    "email-marketing", "expense-management", "file-storage", "form", "hris", "lead", "payroll",
    "pos", "procurement", "project-management", "script", "sms", "spreadsheet", "team-messaging",
    "issue-tracking", "time-registration", "transactional-email", "vault", "data-warehouse",
)  # fmt: skip
FIELD_TYPES = (
    "text", "checkbox", "tel", "email", "url", "textarea", "select", "filtered-select",
    "multi-select", "datetime", "date", "time", "number",
)  # fmt: skip
TYPES_WITH_OPTIONS = ("select", "filtered-select", "multi-select")
CONNECTOR_STATUSES = ("live", "upcoming", "requested")
RESOURCE_STATUSES = ("live", "beta", "development", "upcoming", "considering")
TARGETS = ("custom_fields", "resource")

DEEPEST_RECORD = 8
PLAIN_KEY = pattern(r"[a-z][a-z0-9_]*")


def web_address(node: Node) -> str:
    """Read an absolute address on the web."""
    address = text(node)
    if not address.startswith(("https://", "http://")):
        raise refusal(node, f"'{address}' is not a web address, which begins with https://")
    return address


_auth_type_word = one_of(tuple(AuthType))
_grant_type_word = one_of(tuple(GrantType))


def auth_type(node: Node) -> AuthType:
    """Read how a connector authorizes."""
    return AuthType(_auth_type_word(node))


def grant_type(node: Node) -> GrantType:
    """Read by which grant an OAuth token is had."""
    return GrantType(_grant_type_word(node))


def option(node: Node) -> dict[str, Any]:
    """Read an option of a select: a scalar that is its own label, a simple one, or a group."""
    if not isinstance(node, MappingNode):
        value = scalar(node)
        return {"label": str(value), "value": value, "option_type": "simple"}
    is_group = any(key.value == "options" for key, _ in node.value)
    read: dict[str, Any] = (_option_group if is_group else _simple_option)(node)
    return read


_simple_option = mapping(
    {"label": text, "value": scalar_or_list, "option_type": one_of(["simple"])},
    required=("label", "value"),
    build=lambda **keys: {**keys, "option_type": "simple"},
)
_option_group = mapping(
    {
        "id": text,
        "label": text,
        "options": lambda node: list(sequence(option)(node)),
        "option_type": one_of(["group"]),
    },
    required=("id", "label"),
    build=lambda **keys: {**keys, "option_type": "group"},
)


def options_fit_the_type(field: FormField) -> Iterator[Complaint]:
    """A select offers options, groups of them when it is filtered; other fields offer none."""
    if field.type not in TYPES_WITH_OPTIONS and field.options:
        yield ("options",), f"a field of type {field.type} has no options"
    if field.type in TYPES_WITH_OPTIONS and not field.options:
        yield (), f"a field of type {field.type} wants options"
    if field.type == "filtered-select":
        if field.filter is None:
            yield (), "a filtered-select wants a filter"
        for index, one in enumerate(field.options):
            if one["option_type"] != "group":
                yield ("options", index), "a filtered-select has groups of options"


form_field = mapping(
    {
        "id": text,
        "label": text,
        "type": one_of(FIELD_TYPES),
        "required": flag,
        "sensitive": flag,
        "placeholder": any_text,
        "description": text,
        "hidden": flag,
        "disabled": flag,
        "deprecated": flag,
        "custom_field": flag,
        "allow_custom_values": flag,
        "prefix": text,
        "suffix": text,
        "mask": flag,
        "options": sequence(option),
        "default_value": scalar_or_list,
        "filter": mapping({"key": text, "value": text}, required=("key", "value")),
        "target": one_of(TARGETS),
        "after_authorization": flag,
        "provided": flag,
    },
    required=("id", "label"),
    build=FormField,
    rules=[options_fit_the_type],
)


def ids_are_unique(fields: tuple[FormField | CustomField, ...]) -> Iterator[Complaint]:
    """No two fields of a form have one id."""
    first: dict[str, int] = {}
    for index, field in enumerate(fields):
        if field.id in first:
            yield (index, "id"), f"'{field.id}' is already the id of field {first[field.id]}"
        first.setdefault(field.id, index)


def filters_name_fields(fields: tuple[FormField, ...]) -> Iterator[Complaint]:
    """A filter names a field of the same form, whose values choose among the groups of options."""
    by_id = {field.id: field for field in fields}
    for index, field in enumerate(fields):
        if field.filter is None:
            continue
        filtering = by_id.get(field.filter["value"])
        if filtering is None:
            path: Path = (index, "filter", "value")
            yield path, f"'{field.filter['value']}' is not a field of this form"
        else:
            yield from _groups_without_a_value(index, field, filtering)


def _groups_without_a_value(
    index: int, field: FormField, filtering: FormField
) -> Iterator[Complaint]:
    values = {one.get("value") for one in filtering.options}
    for position, group in enumerate(field.options):
        if group["id"] not in values:
            path: Path = (index, "options", position, "id")
            yield path, f"'{group['id']}' is not a value of the field '{filtering.id}'"


form_fields = sequence(form_field, rules=[ids_are_unique, filters_name_fields])


def record(node: Node, depth: int = 0) -> dict[str, Any]:
    """Read the properties of a downstream record, which may be nested."""
    if depth > DEEPEST_RECORD:
        raise refusal(node, f"a record is nested deeper than {DEEPEST_RECORD}")
    properties: dict[str, Any] = keyed(lambda child: _property(child, depth + 1))(node)
    return properties


def _property(node: Node, depth: int) -> Any:
    if isinstance(node, MappingNode):
        return record(node, depth)
    if isinstance(node, SequenceNode):
        return _items(node, depth)
    if node.tag == NULL:
        raise refusal(node, "says nothing about how its value is made")
    value = scalar(node)
    if isinstance(value, str) and (reason := why_not_a_leaf(value)):
        raise refusal(node, reason)
    return value


def _items(node: SequenceNode, depth: int) -> tuple[Any, ...]:
    if not node.value:
        raise refusal(node, "is an empty list, which says nothing about its items")
    return sequence(lambda child: _property(child, depth + 1))(node)  # type: ignore[no-any-return]


def plain_key(node: Node) -> str:
    """Read the key of a target field, which becomes part of an id that stands in paths."""
    key = text(node)
    if not PLAIN_KEY.fullmatch(key):
        raise refusal(node, f"'{key}' is not made of small letters, digits and underscores")
    return key


target_field = mapping(
    {"key": plain_key, "label": text, "description": text, "required": flag, "custom_field": flag},
    required=("key", "label"),
)

custom_field = mapping(
    {"id": text, "name": text, "finder": text, "description": text, "value": scalar_or_list},
    required=("id", "name", "finder"),
    build=CustomField,
)

PARTS_OF_A_RESOURCE: Mapping[str, Reader] = {
    "name": text,
    "status": one_of(RESOURCE_STATUSES),
    "downstream_id": text,
    "downstream_name": text,
    "response_data_path": text,
    "record": record,
    "target_fields": sequence(target_field),
}

usual_resources = keyed(mapping(PARTS_OF_A_RESOURCE, required=("name", "record")))
"""Reads `fixtures/resources/<unified_api>.yml`: what a resource is unless a connector differs."""

connector_resource = mapping(
    {
        **PARTS_OF_A_RESOURCE,
        "record_extras": record,
        "schema_support": flag,
        "configuration": form_fields,
        "custom_fields": sequence(custom_field, rules=[ids_are_unique]),
    }
)


def optional(part: Reader) -> Reader:
    """Return a reader that takes nothing at all for an empty mapping."""
    return lambda node: {} if node.tag == NULL else part(node)


PARTS_OF_A_VARIANT: Mapping[str, Reader] = {
    "auth_type": auth_type,
    "oauth_grant_type": grant_type,
    "validation_support": flag,
    "schema_support": flag,
    "revocable": flag,
    "settings_required_for_authorization": sequence(text),
    "form_fields": form_fields,
}


def unique_apis(names: tuple[str, ...]) -> Iterator[Complaint]:
    """A service has one connector for a unified API."""
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (index,), f"'{name}' is named twice"


connector_file = mapping(
    {
        **PARTS_OF_A_VARIANT,
        "service_id": text,
        "name": text,
        "unified_apis": sequence(one_of(UNIFIED_APIS), rules=[unique_apis]),
        "tag_line": text,
        "website": web_address,
        "icon": web_address,
        "logo": web_address,
        "status": one_of(CONNECTOR_STATUSES),
        "has_guide": flag,
        "provider": mapping({"color": text, "scopes": sequence(text)}, build=Provider),
        "resources": keyed(keyed(optional(connector_resource)), UNIFIED_APIS),
        "variants": keyed(mapping(PARTS_OF_A_VARIANT), UNIFIED_APIS),
    },
    required=("service_id", "name", "unified_apis", "tag_line", "website", "auth_type"),
)
"""Reads `fixtures/connectors/<service_id>.yml`."""
