"""What can be connected: connectors, their form fields, resources and target fields.

These are values that `catalogue.py` reads from `fixtures/connectors/*.yml` and proves valid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, Any] = MappingProxyType({})


class AuthType(StrEnum):
    """How a connector authorizes (contract: #/components/schemas/AuthType)."""

    OAUTH2 = "oauth2"
    API_KEY = "apiKey"
    BASIC = "basic"
    CUSTOM = "custom"
    NONE = "none"


class GrantType(StrEnum):
    """How an OAuth token is had (contract: #/components/schemas/OAuthGrantType)."""

    AUTHORIZATION_CODE = "authorization_code"
    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"  # noqa: S105  the contract's word for a grant


@dataclass(frozen=True, slots=True)
class FormField:
    """One setting that a connection wants (contract: #/components/schemas/FormField).

    `options` are the contract's FormFieldOption objects, each with `option_type`.
    `after_authorization` marks a select whose options are known, and which is enabled, only once
    OAuth is done (xero's tenant, slack's channel). `provided` marks a field that the provider
    itself fills when consent is given (salesforce's instance URL, quickbooks's realm).
    """

    id: str
    label: str
    type: str = "text"
    required: bool = False
    sensitive: bool = False
    placeholder: str | None = ""
    description: str | None = None
    hidden: bool = False
    disabled: bool = False
    deprecated: bool = False
    custom_field: bool = False
    allow_custom_values: bool = False
    prefix: str | None = None
    suffix: str | None = None
    mask: bool = False
    options: tuple[Mapping[str, Any], ...] = ()
    default_value: Any = None
    filter: Mapping[str, str] | None = None
    target: str | None = None
    after_authorization: bool = False
    provided: bool = False


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field that a downstream record has (contract: CustomFieldFinder)."""

    id: str
    name: str
    finder: str
    description: str | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class TargetField:
    """What a custom mapping maps to; the application's owner declares it (contract: CustomMapping).

    Its id is `{unified_api}+{resource}+{key}`.
    """

    unified_api: str
    resource: str
    key: str
    label: str
    description: str | None = None
    required: bool = False
    custom_field: bool = False

    @property
    def id(self) -> str:
        return f"{self.unified_api}+{self.resource}+{self.key}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A thing of a unified API that a connector has (contract: LinkedConnectorResource).

    `configuration` are the resource's own settings, as form fields; a resource without any is not
    configurable. `schema` is a JSON Schema of the downstream record, `example` such a record; where
    they are empty, the catalogue makes them of `record`, which describes each property of it.
    """

    id: str
    name: str
    status: str = "live"
    downstream_id: str = ""
    downstream_name: str = ""
    configuration: tuple[FormField, ...] = ()
    custom_fields: tuple[CustomField, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    example: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    schema_support: bool = False
    record: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    response_data_path: str = "$.data"


@dataclass(frozen=True, slots=True)
class Provider:
    """How the connector's fake OAuth provider looks and which scopes it knows."""

    color: str = "#3b5bdb"
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Connector:
    """A service that can be connected, for one unified API: what a connection is made from.

    A fixture that names several unified APIs yields one Connector for each.
    `validation_support`: the vault judges credentials (see `states.credentials_are_refused`).
    `revocable`: the provider can revoke, so an authorized connection has a `revoke_url`.
    """

    service_id: str
    unified_api: str
    name: str
    tag_line: str
    website: str
    icon: str
    logo: str
    auth_type: AuthType
    oauth_grant_type: GrantType | None = None
    status: str = "live"
    has_guide: bool = True
    validation_support: bool = False
    schema_support: bool = False
    revocable: bool = False
    settings_required_for_authorization: tuple[str, ...] = ()
    form_fields: tuple[FormField, ...] = ()
    resources: Mapping[str, Resource] = field(default_factory=dict)
    target_fields: Mapping[str, TargetField] = field(default_factory=dict)
    provider: Provider = field(default_factory=Provider)

    @property
    def id(self) -> str:
        """The id of the connection that a consumer makes of it: `crm+salesforce`."""
        return f"{self.unified_api}+{self.service_id}"
