"""What all connections to one connector show alike, worked out once: its texts and its form."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mockvault.catalogue.making import PICTURES
from mockvault.domain.connectors import Connector, FormField
from mockvault.domain.entities import Connection
from mockvault.domain.states import needs_token
from mockvault.json_text import dumps
from mockvault.presenting.mappings import mappings_text

JsonObject = dict[str, Any]


class Alike:
    """What all connections to one connector have in common, worked out once.

    `beginning` is JSON text, as far as it says the same of each; `fields` are the form's: the id of
    each, its default, and its text up to the value, before consent and after it; `forms` are whole
    forms by what was filled in. `picture` is the path of the one that the mock draws; `pictures`
    are the fixture's own as JSON texts, none where it has none.
    """

    __slots__ = (
        "beginning",
        "connector",
        "fields",
        "forms",
        "needs_token",
        "picture",
        "pictures",
        "sensitive",
        "unmapped",
    )

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self.needs_token = needs_token(connector)
        self.forms: dict[tuple[bool, tuple[str | None, ...]], bytes] = {}
        self.beginning = dumps(_of_connector(connector))[:-1]
        self.sensitive = frozenset(
            field.id for field in connector.form_fields if field.sensitive
        ) | {"api_key"}
        self.fields = tuple(
            (
                field.id,
                field.default_value,
                _text_up_to_value(field, is_waiting=field.after_authorization),
                _text_up_to_value(field, is_waiting=False),
            )
            for field in connector.form_fields
        )
        self.picture = f"/_mock/vault/icons/{quote(connector.service_id, safe='')}.svg"
        self.pictures = (
            ()
            if connector.icon.startswith(PICTURES)
            else (b',"icon":' + dumps(connector.icon), b',"logo":' + dumps(connector.logo))
        )
        self.unmapped = mappings_text(connector, {})

    def plain_settings(self, connection: Connection) -> Mapping[str, Any]:
        """Return the settings but those that are kept apart: an API key and what is sensitive."""
        sensitive, settings = self.sensitive, connection.settings
        if sensitive.isdisjoint(settings):
            return settings
        return {name: value for name, value in settings.items() if name not in sensitive}


_ALIKE: dict[int, Alike] = {}


def alike_of(connector: Connector) -> Alike:
    """Return what connections to this very connector have in common; what is kept keeps it too."""
    alike = _ALIKE.get(id(connector))
    if alike is None:
        if len(_ALIKE) >= 1_024:
            _ALIKE.clear()
        alike = _ALIKE[id(connector)] = Alike(connector)
    return alike


def _of_connector(it: Connector) -> JsonObject:
    shown: JsonObject = {
        "id": it.id,
        "service_id": it.service_id,
        "name": it.name,
        "tag_line": it.tag_line,
        "unified_api": it.unified_api,
        "auth_type": it.auth_type,
        "status": it.status,
        "website": it.website,
        "configurable_resources": [r.id for r in it.resources.values() if r.configuration],
        "resource_schema_support": [r.id for r in it.resources.values() if r.schema_support],
        "resource_settings_support": [r.id for r in it.resources.values() if r.configuration],
        "validation_support": it.validation_support,
        "schema_support": it.schema_support,
        "settings_required_for_authorization": list(it.settings_required_for_authorization),
        "subscriptions": [],
        "has_guide": it.has_guide,
    }
    if it.oauth_grant_type is not None:
        shown["oauth_grant_type"] = it.oauth_grant_type
    return shown


_TEXTS = frozenset({str, type(None)})
_FORM, _FORMS = 4_096, 64
"""Bytes of a form that is kept, and how many of a connector are."""


def form_fields_text(alike: Alike, connection: Connection | None) -> bytes:
    """Return the property that holds the form's fields: what never changes of them is text."""
    settings: Mapping[str, Any] = connection.settings if connection else {}
    is_waiting = alike.needs_token and (connection is None or connection.token is None)
    given = settings.get
    values = tuple([given(field_id, default) for field_id, default, _, _ in alike.fields])
    key = (is_waiting, values)
    is_plain = _TEXTS.issuperset(map(type, values))  # others may be equal and not look alike
    if is_plain:
        known = alike.forms.get(key)
        if known is not None:
            return known
    fields = [
        (waiting if is_waiting else ready) + (b'""' if value is None else dumps(value))
        for value, (_, _, waiting, ready) in zip(values, alike.fields, strict=True)
    ]
    text = b',"form_fields":[%b}]' % b"},".join(fields) if fields else b',"form_fields":[]'
    if is_plain and len(text) <= _FORM:
        if len(alike.forms) >= _FORMS:
            alike.forms.clear()
        alike.forms[key] = text
    return text


def _text_up_to_value(form_field: FormField, *, is_waiting: bool) -> bytes:
    """Return the JSON text of a field as far as it never changes."""
    shown = form_field_json(form_field, None, is_waiting=is_waiting)
    del shown["value"]
    return dumps(shown)[:-1] + b',"value":'


def form_field_json(form_field: FormField, value: Any, *, is_waiting: bool = False) -> JsonObject:
    """Return a FormField with its value; one that waits for consent is empty and disabled."""
    shown: JsonObject = {
        "id": form_field.id,
        "label": form_field.label,
        "value": "" if value is None else value,
        "placeholder": form_field.placeholder,
        "mask": form_field.mask,
        "type": form_field.type,
        "required": form_field.required,
        "disabled": form_field.disabled or is_waiting,
        "custom_field": form_field.custom_field,
        "hidden": form_field.hidden,
        "deprecated": form_field.deprecated,
        "sensitive": form_field.sensitive,
        "allow_custom_values": form_field.allow_custom_values,
        "description": form_field.description,
        "prefix": form_field.prefix,
        "suffix": form_field.suffix,
    }
    if form_field.type in ("select", "filtered-select", "multi-select"):
        shown["options"] = [] if is_waiting else list(form_field.options)
    if form_field.filter is not None:
        shown["filter"] = form_field.filter
    if form_field.target is not None:
        shown["target"] = form_field.target
    if form_field.default_value is not None:
        shown["default_value"] = form_field.default_value
    return shown
