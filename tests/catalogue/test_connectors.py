import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from mockvault.catalogue import Catalogue, load_catalogue, loading, shapes
from mockvault.domain.connectors import (
    AuthType,
    Connector,
    FormField,
    GrantType,
    Resource,
)

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
SALESFORCE, XERO = ("crm", "salesforce"), ("accounting", "xero")


@pytest.fixture(scope="session")
def contract() -> Any:
    contract = yaml.load((ROOT / "spec/vault.yml").read_bytes(), Loader=yaml.CSafeLoader)
    return contract["components"]["schemas"]


def found(catalogue: Catalogue, unified_api: str, service_id: str) -> Connector:
    connector = catalogue.find(unified_api, service_id)
    assert connector is not None
    return connector


def fields_of(connector: Connector) -> list[FormField]:
    """Every form field of a connector: its own, and those of its resources."""
    of_resources = [each.configuration for each in connector.resources.values()]
    return [field for fields in (connector.form_fields, *of_resources) for field in fields]


def all_fields(catalogue: Catalogue) -> list[FormField]:
    return [field for connector in catalogue.all for field in fields_of(connector)]


def all_resources(catalogue: Catalogue) -> list[tuple[Connector, Resource]]:
    return [(one, resource) for one in catalogue.all for resource in one.resources.values()]


def test_the_words_of_the_catalogue_are_those_of_the_contract(contract: Any) -> None:
    connection = contract["Connection"]["properties"]
    defaults = connection["configuration"]["items"]["properties"]["defaults"]["items"]["properties"]

    assert list(shapes.UNIFIED_APIS) == contract["UnifiedApiId"]["enum"]
    assert list(shapes.FIELD_TYPES) == contract["FormField"]["properties"]["type"]["enum"]
    assert list(shapes.RESOURCE_STATUSES) == contract["ResourceStatus"]["enum"]
    assert list(shapes.CONNECTOR_STATUSES) == connection["status"]["enum"]
    assert list(shapes.TARGETS) == defaults["target"]["enum"]
    assert list(AuthType) == contract["AuthType"]["enum"]
    assert list(GrantType) == contract["OAuthGrantType"]["enum"]


def test_there_are_at_least_seventy_services_in_twelve_unified_apis(catalogue: Catalogue) -> None:
    assert len({connector.service_id for connector in catalogue.all}) >= 70
    assert len(catalogue.unified_apis) >= 12


def test_every_auth_type_is_met(catalogue: Catalogue) -> None:
    assert {connector.auth_type for connector in catalogue.all} == set(AuthType)


def test_every_grant_is_met_under_oauth2(catalogue: Catalogue) -> None:
    oauth2 = [one for one in catalogue.all if one.auth_type is AuthType.OAUTH2]

    assert {connector.oauth_grant_type for connector in oauth2} == set(GrantType)


def test_every_type_of_form_field_is_met(catalogue: Catalogue) -> None:
    assert {field.type for field in all_fields(catalogue)} == set(shapes.FIELD_TYPES)


@pytest.mark.parametrize(
    "trait",
    [
        "required", "sensitive", "placeholder", "description", "hidden", "disabled", "deprecated",
        "custom_field", "allow_custom_values", "prefix", "suffix", "mask", "options",
        "default_value", "filter", "target", "after_authorization", "provided",
    ],
)  # fmt: skip
def test_every_trait_of_a_form_field_is_met(catalogue: Catalogue, trait: str) -> None:
    assert any(getattr(field, trait) for field in all_fields(catalogue))


def test_every_kind_of_credentials_is_validated_by_some_connector(catalogue: Catalogue) -> None:
    validating = {one.auth_type for one in catalogue.all if one.validation_support}

    assert validating >= {AuthType.API_KEY, AuthType.BASIC, AuthType.CUSTOM}


def test_every_option_says_its_type(catalogue: Catalogue) -> None:
    options = [option for field in all_fields(catalogue) for option in field.options]
    grouped = [inner for option in options for inner in option.get("options", ())]

    assert {option["option_type"] for option in options} == {"simple", "group"}
    assert {option["option_type"] for option in grouped} == {"simple"}


def test_every_option_is_one_of_the_contract(catalogue: Catalogue, contract: Any) -> None:
    simple = contract["SimpleFormFieldOption"]
    group = contract["FormFieldOptionGroup"]
    group["properties"]["options"]["items"] = simple
    validators = {
        "simple": jsonschema_rs.validator_for(simple | {"required": ["label", "value"]}),
        "group": jsonschema_rs.validator_for(group | {"required": ["id", "label", "options"]}),
    }

    for field in all_fields(catalogue):
        for option in field.options:
            validators[option["option_type"]].validate(option)


def test_a_default_of_a_select_is_one_of_its_options(catalogue: Catalogue) -> None:
    for field in all_fields(catalogue):
        if field.options and field.default_value is not None:
            values = {option.get("value") for option in field.options}
            chosen = field.default_value
            assert values.issuperset(chosen if isinstance(chosen, tuple) else {chosen}), field


def test_a_consumer_can_see_what_has_to_be_filled_in(catalogue: Catalogue) -> None:
    for field in all_fields(catalogue):
        if field.required and field.hidden:
            assert field.provided, field
            assert field.default_value is not None, field


def test_no_required_field_is_out_of_use(catalogue: Catalogue) -> None:
    assert not [f for f in all_fields(catalogue) if f.required and (f.deprecated or f.disabled)]


def test_only_texts_are_sensitive_and_none_has_a_default(catalogue: Catalogue) -> None:
    for field in all_fields(catalogue):
        if field.sensitive:
            assert (field.type, field.default_value) == ("text", None), field


def test_a_connector_without_authorization_has_no_secret(catalogue: Catalogue) -> None:
    for connector in catalogue.all:
        if connector.auth_type is AuthType.NONE:
            assert not [field for field in connector.form_fields if field.sensitive], connector.id


def test_a_connector_has_pictures_and_a_website(catalogue: Catalogue) -> None:
    for connector in catalogue.all:
        assert connector.website.startswith("https://")
        assert connector.icon.endswith(f"/catalog/{connector.service_id}/icon128x128.png")
        assert connector.logo.endswith(f"/catalog/{connector.service_id}/logo.png")


def test_connectors_with_records_are_the_rule(catalogue: Catalogue) -> None:
    without = {connector.unified_api for connector in catalogue.all if not connector.resources}

    assert without == {"script"}


def test_a_connector_supports_schemas_when_one_of_its_resources_does(
    catalogue: Catalogue,
) -> None:
    for connector in catalogue.all:
        supporting = [one for one in connector.resources.values() if one.schema_support]
        assert connector.schema_support == bool(supporting), connector.id


def test_salesforce_knows_the_schemas_of_four_resources(catalogue: Catalogue) -> None:
    resources = found(catalogue, *SALESFORCE).resources.values()

    assert {resource.id for resource in resources if resource.schema_support} == {
        "opportunities", "companies", "contacts", "leads",
    }  # fmt: skip


def test_settings_of_a_resource_say_what_they_set(catalogue: Catalogue) -> None:
    for _, resource in all_resources(catalogue):
        for field in resource.configuration:
            assert field.target == ("custom_fields" if field.custom_field else "resource")


def test_target_fields_are_of_resources_that_the_connector_has(catalogue: Catalogue) -> None:
    for connector in catalogue.all:
        for target_field_id, target_field in connector.target_fields.items():
            assert target_field_id == target_field.id
            assert target_field.unified_api == connector.unified_api
            assert target_field.resource in connector.resources


def test_the_contracts_own_target_field_is_met(catalogue: Catalogue) -> None:
    bamboohr = found(catalogue, "hris", "bamboohr")

    assert bamboohr.target_fields["hris+employees+first_aid_training"].label == "First Aid Training"


def test_a_connector_may_have_target_fields_of_its_own(catalogue: Catalogue) -> None:
    mine = "crm+leads+product_interest"

    assert mine in found(catalogue, *SALESFORCE).target_fields
    assert mine not in found(catalogue, "crm", "pipedrive").target_fields


@pytest.mark.parametrize(
    ("unified_api", "service_id", "field_id"),
    [
        ("team-messaging", "slack", "channel"),
        ("lead", "slack", "channel"),
        ("accounting", "xero", "tenant_id"),
        ("accounting", "myob", "company_uri"),
        ("file-storage", "onedrive", "drive_id"),
        ("file-storage", "sharepoint", "site_id"),
    ],
)
def test_some_choices_are_known_only_after_authorization(
    catalogue: Catalogue, unified_api: str, service_id: str, field_id: str
) -> None:
    fields = {field.id: field for field in found(catalogue, unified_api, service_id).form_fields}

    assert fields[field_id].type == "select"
    assert fields[field_id].required
    assert fields[field_id].after_authorization


def test_the_recorded_connectors_can_be_revoked_and_slack_cannot(catalogue: Catalogue) -> None:
    revocable = {connector.service_id for connector in catalogue.all if connector.revocable}

    assert revocable == {
        "hubspot", "pipedrive", "salesforce", "teamleader", "zendesk-sell", "zoho-crm",
        "microsoft-dynamics", "myob",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("unified_api", "service_id", "settings"),
    [
        ("crm", "microsoft-dynamics", ("organisation_url",)),
        ("ecommerce", "shopify-public-app", ("shop",)),
        ("ecommerce", "shopify", ("shop",)),
        ("crm", "salesforce", ()),
    ],
)
def test_some_settings_come_before_authorization(
    catalogue: Catalogue, unified_api: str, service_id: str, settings: tuple[str, ...]
) -> None:
    connector = found(catalogue, unified_api, service_id)

    assert connector.settings_required_for_authorization == settings


def test_activecampaign_asks_what_was_recorded_of_its_opportunities(catalogue: Catalogue) -> None:
    opportunities = found(catalogue, "crm", "activecampaign").resources["opportunities"]
    amount, currency, owner, pipeline, stage = opportunities.configuration

    assert (amount.id, amount.type, amount.required) == ("monetary_amount", "number", True)
    assert (currency.id, currency.type) == ("currency", "select")
    assert (owner.id, pipeline.id) == ("owner_id", "pipeline_id")
    assert (stage.id, stage.type) == ("pipeline_stage_id", "filtered-select")
    assert stage.filter == {"key": "id", "value": "pipeline_id"}
    assert [one["id"] for one in stage.options] == [one["value"] for one in pipeline.options]


def test_salesforce_lets_four_resources_be_set_up(catalogue: Catalogue) -> None:
    salesforce = found(catalogue, *SALESFORCE)
    configurable = {one.id for one in salesforce.resources.values() if one.configuration}
    opportunities = salesforce.resources["opportunities"]

    assert configurable == {"opportunities", "companies", "contacts", "leads"}
    assert [field.id for field in opportunities.configuration] == [
        "DeliveryInstallationStatus__c", "TrackingNumber__c", "OrderNumber__c",
        "CurrentGenerators__c", "MainCompetitors__c",
    ]  # fmt: skip


def test_a_service_may_authorize_differently_in_another_unified_api(catalogue: Catalogue) -> None:
    crm, script = found(catalogue, "crm", "hubspot"), found(catalogue, "script", "hubspot")

    assert (crm.auth_type, crm.revocable, crm.form_fields) == (AuthType.OAUTH2, True, ())
    assert (script.auth_type, script.oauth_grant_type) == (AuthType.NONE, None)
    assert not script.revocable
    assert [field.id for field in script.form_fields] == ["portal_id"]


def test_connectors_are_listed_by_name(catalogue: Catalogue) -> None:
    order = [(one.name.casefold(), one.unified_api) for one in catalogue.all]

    assert all(earlier < later for earlier, later in pairwise(order))


def test_a_connector_is_found_under_its_own_unified_api_only(catalogue: Catalogue) -> None:
    for connector in catalogue.all:
        assert catalogue.find(connector.unified_api, connector.service_id) is connector

    assert catalogue.find("hris", "salesforce") is None
    assert catalogue.find("crm", "unheard-of") is None


def test_the_unified_apis_share_out_the_catalogue(catalogue: Catalogue) -> None:
    by_api = [one for name in catalogue.unified_apis for one in catalogue.of_api(name)]
    counts = Counter(one.unified_api for one in catalogue.all)

    assert Counter(one.id for one in by_api) == Counter(one.id for one in catalogue.all)
    assert {name: len(catalogue.of_api(name)) for name in catalogue.unified_apis} == counts
    assert catalogue.of_api("data-warehouse") == ()


def test_a_service_is_found_with_all_its_unified_apis(catalogue: Catalogue) -> None:
    assert {one.unified_api for one in catalogue.services("workday")} == {
        "hris", "ats", "accounting",
    }  # fmt: skip
    assert catalogue.services("unheard-of") == ()


def test_the_catalogue_is_the_same_when_read_without_libyaml(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "LOADER", yaml.SafeLoader)

    assert load_catalogue(FIXTURES) == catalogue


def test_reading_the_catalogue_is_mostly_parsing_its_yaml() -> None:
    files = [
        file for name in ("connectors", "resources") for file in FIXTURES.glob(f"{name}/*.yml")
    ]

    def cpu(work: Callable[[], object]) -> float:
        before = time.process_time()
        work()
        return time.process_time() - before

    # the least of several, since a busy machine only ever adds; a ratio, since machines differ
    parsing = min(cpu(lambda: [loading.composed(file) for file in files]) for _ in range(5))
    reading = min(cpu(lambda: load_catalogue(FIXTURES)) for _ in range(5))

    assert reading < 4 * parsing
