"""Connectors made of what a file says: one for each unified API, the rest filled in, and judged."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from mockvault.catalogue import shapes
from mockvault.catalogue.reading import Complaint, Path
from mockvault.catalogue.records import NothingThere, found
from mockvault.domain.connectors import (
    AuthType,
    Connector,
    FormField,
    GrantType,
    Resource,
    TargetField,
)

UsualResources = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What `fixtures/resources` says, by unified API and resource."""

PICTURES = "https://res.cloudinary.com/apideck/image/upload/v1/catalog/"
"""Where the real vault has its pictures; a fixture that names its own has it elsewhere."""
NOT_OF_A_CONNECTOR = ("service_id", "unified_apis", "variants", "resources")


def complaints(said: Mapping[str, Any], usual: UsualResources) -> Iterator[Complaint]:
    """Yield what keeps connectors from being made of what a file says."""
    for key in ("resources", "variants"):
        for unified_api in said.get(key, {}):
            if unified_api not in said["unified_apis"]:
                yield (key, unified_api), f"'{unified_api}' is not one of unified_apis"
    for unified_api, own in said.get("resources", {}).items():
        known = usual.get(unified_api, {})
        for resource_id in own:
            if resource_id not in known:
                told = f"'{resource_id}' is not a resource of {unified_api}: {', '.join(known)}"
                yield ("resources", unified_api, resource_id), told


def connectors_of(said: Mapping[str, Any], usual: UsualResources) -> tuple[Connector, ...]:
    """Return a connector for each unified API that a service is in."""
    variants = said.get("variants", {})
    return tuple(
        _connector(
            unified_api,
            _with_variant(said, variants.get(unified_api, {})),
            usual.get(unified_api, {}),
        )
        for unified_api in said["unified_apis"]
    )


def _with_variant(said: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    # another auth type comes with other fields, grants and promises: none of the shared ones hold
    dropped = shapes.PARTS_OF_A_VARIANT.keys() if "auth_type" in variant else ()
    return {key: value for key, value in said.items() if key not in dropped} | {**variant}


def _connector(
    unified_api: str, said: Mapping[str, Any], usual: Mapping[str, Mapping[str, Any]]
) -> Connector:
    service_id = said["service_id"]
    every: Mapping[str, Any] = {name: {} for name in usual}
    own = said.get("resources", {}).get(unified_api, every)
    told = {key: value for key, value in said.items() if key not in NOT_OF_A_CONNECTOR}
    support = told.pop("schema_support", False)
    resources = {
        name: _resource(name, usual[name], part, support=support) for name, part in own.items()
    }
    pictures = {
        "icon": f"{PICTURES}{service_id}/icon128x128.png",
        "logo": f"{PICTURES}{service_id}/logo.png",
    }
    return Connector(
        service_id=service_id,
        unified_api=unified_api,
        schema_support=any(resource.schema_support for resource in resources.values()),
        resources=MappingProxyType(resources),
        target_fields=MappingProxyType(
            {field.id: field for field in _target_fields(unified_api, usual, own)}
        ),
        **{**pictures, **told},
    )


def _resource(
    resource_id: str, usual: Mapping[str, Any], own: Mapping[str, Any], *, support: bool
) -> Resource:
    told = {**usual, **own}
    return Resource(
        id=resource_id,
        name=told["name"],
        status=told.get("status", "live"),
        downstream_id=told.get("downstream_id", resource_id),
        downstream_name=told.get("downstream_name", told["name"]),
        configuration=tuple(map(_with_target, told.get("configuration", ()))),
        custom_fields=told.get("custom_fields", ()),
        schema_support=told.get("schema_support", support),
        record=MappingProxyType({**told["record"], **told.get("record_extras", {})}),
        response_data_path=told.get("response_data_path", "$.data"),
    )


def _with_target(field: FormField) -> FormField:
    usual = "custom_fields" if field.custom_field else "resource"
    return field if field.target else replace(field, target=usual)


def _target_fields(
    unified_api: str, usual: Mapping[str, Mapping[str, Any]], own: Mapping[str, Mapping[str, Any]]
) -> Iterator[TargetField]:
    for resource_id, part in own.items():
        of_all = usual[resource_id].get("target_fields", ())
        for told in (*of_all, *part.get("target_fields", ())):
            yield TargetField(unified_api, resource_id, **told)


def complaints_of(connectors: Iterable[Connector], said: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield what the connectors of a file promise and cannot keep, each complaint once."""
    told: dict[Complaint, None] = {}
    for connector in connectors:
        variant = said.get("variants", {}).get(connector.unified_api, {})
        for rule in RULES:
            for path, reason in rule(connector):
                in_variant = bool(path) and path[0] in variant
                told[("variants", connector.unified_api, *path) if in_variant else path, reason] = (
                    None
                )
    return iter(told)


def _grant_fits_the_auth_type(connector: Connector) -> Iterator[Complaint]:
    grant = connector.oauth_grant_type
    if connector.auth_type is AuthType.OAUTH2 and grant is None:
        yield ("auth_type",), "oauth2 wants an oauth_grant_type"
    if connector.auth_type not in {AuthType.OAUTH2, AuthType.CUSTOM} and grant is not None:
        yield ("oauth_grant_type",), f"a connector of auth_type {connector.auth_type} has no grant"


def _only_consent_is_revocable(connector: Connector) -> Iterator[Complaint]:
    consent = connector.oauth_grant_type is GrantType.AUTHORIZATION_CODE
    if connector.revocable and not consent:
        yield ("revocable",), "only a connector with the grant authorization_code is revocable"


def _required_settings_are_fields(connector: Connector) -> Iterator[Complaint]:
    ids = [field.id for field in connector.form_fields]
    for index, name in enumerate(connector.settings_required_for_authorization):
        if name not in ids:
            path: Path = ("settings_required_for_authorization", index)
            yield path, f"'{name}' is not one of the form fields: {', '.join(ids) or 'none'}"


def _credentials_are_asked_for(connector: Connector) -> Iterator[Complaint]:
    wants_secret = connector.auth_type in {AuthType.API_KEY, AuthType.BASIC}
    if wants_secret and not any(f.required and f.sensitive for f in connector.form_fields):
        yield (
            ("auth_type",),
            f"{connector.auth_type} wants a form field that is required and sensitive",
        )


def _only_oauth_comes_before_a_field(connector: Connector) -> Iterator[Complaint]:
    for index, field in enumerate(connector.form_fields):
        for key in ("after_authorization", "provided"):
            if getattr(field, key) and connector.oauth_grant_type is None:
                yield ("form_fields", index, key), "only an OAuth connector is authorized first"


def _finders_lead_somewhere(connector: Connector) -> Iterator[Complaint]:
    for resource in connector.resources.values():
        for index, custom_field in enumerate(resource.custom_fields):
            try:
                found(custom_field.finder, resource.record)
            except NothingThere as nothing:
                here = ("resources", connector.unified_api, resource.id)
                yield (*here, "custom_fields", index, "finder"), str(nothing)


RULES: tuple[Callable[[Connector], Iterator[Complaint]], ...] = (
    _grant_fits_the_auth_type,
    _only_consent_is_revocable,
    _required_settings_are_fields,
    _credentials_are_asked_for,
    _only_oauth_comes_before_a_field,
    _finders_lead_somewhere,
)
