import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonpath_rfc9535 as jsonpath
import jsonschema_rs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockvault.catalogue import Catalogue, load_catalogue, records
from mockvault.domain.connectors import AuthType, Connector, CustomField, Resource

ROOT = Path(__file__).parents[2]


def keys(catalogue: Catalogue) -> list[tuple[Connector, str]]:
    return [(one, resource_id) for one in catalogue.all for resource_id in one.resources]


def answers(catalogue: Catalogue, seed: int, shuffle: int) -> dict[str, bytes]:
    """All examples and schemas of a catalogue as bytes, asked for in an order of chance."""
    order = keys(catalogue)
    random.Random(shuffle).shuffle(order)
    told = {}
    for connector, resource_id in order:
        schema = catalogue.schema_of(connector, resource_id, seed=seed)
        example = catalogue.example_of(connector, resource_id, seed=seed)
        told[f"{connector.id}+{resource_id}"] = orjson.dumps([example, schema])
    return told


def properties_below(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every property of a schema, those within objects and lists too."""
    for part in schema.get("properties", {}).values():
        yield part
        yield from properties_below(part)
    if "items" in schema:
        yield from properties_below(schema["items"])


def one_record(record: Mapping[str, Any], **more: Any) -> Connector:
    resource = Resource(id="leads", name="Leads", record=record, **more)
    return Connector(
        "made-up", "crm", "Made up", "", "", "", "", AuthType.NONE, resources={"leads": resource}
    )


def test_the_same_seed_gives_the_same_bytes_in_whatever_order_they_are_asked_for() -> None:
    first, second = (load_catalogue(ROOT / "fixtures") for _ in range(2))

    assert answers(first, seed=1, shuffle=1) == answers(second, seed=1, shuffle=2)


def test_another_seed_gives_other_records(catalogue: Catalogue) -> None:
    one, other = answers(catalogue, seed=1, shuffle=1), answers(catalogue, seed=2, shuffle=1)

    assert not [key for key in one if one[key] == other[key]]


def test_records_are_the_same_in_another_process_and_time_zone(catalogue: Catalogue) -> None:
    connector = catalogue.find("crm", "salesforce")
    assert connector is not None
    program = (
        "import orjson, pathlib; from mockvault.catalogue import load_catalogue;"
        "catalogue = load_catalogue(pathlib.Path('fixtures'));"
        "connector = catalogue.find('crm', 'salesforce');"
        "print(orjson.dumps(catalogue.example_of(connector, 'leads', seed=7)).decode())"
    )

    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "5"},
        capture_output=True,
        check=True,
    )

    assert orjson.loads(said.stdout) == catalogue.example_of(connector, "leads", seed=7)


def test_connectors_with_alike_records_have_examples_of_their_own(catalogue: Catalogue) -> None:
    examples = [
        orjson.dumps(catalogue.example_of(one, "contacts")) for one in catalogue.of_api("crm")
        if "contacts" in one.resources
    ]  # fmt: skip

    assert len(set(examples)) == len(examples)


def test_an_example_is_made_once(catalogue: Catalogue) -> None:
    connector, resource_id = keys(catalogue)[0]

    first = catalogue.example_of(connector, resource_id)

    assert catalogue.example_of(connector, resource_id) is first


def test_every_example_is_valid_by_its_schema(catalogue: Catalogue) -> None:
    for connector, resource_id in keys(catalogue):
        schema = catalogue.schema_of(connector, resource_id)
        example = catalogue.example_of(connector, resource_id)

        validator = jsonschema_rs.Draft202012Validator(
            {**schema, "additionalProperties": False}, validate_formats=True
        )
        validator.validate(example)
        assert schema["properties"].keys() == example.keys()


def test_every_property_of_a_schema_leads_to_its_example(catalogue: Catalogue) -> None:
    for connector, resource_id in keys(catalogue):
        example = catalogue.example_of(connector, resource_id)
        for part in properties_below(catalogue.schema_of(connector, resource_id)):
            assert jsonpath.find(part["description"], example).values() == [part["example"]]


def test_a_schema_says_where_records_stand_in_a_response(catalogue: Catalogue) -> None:
    for connector, resource_id in keys(catalogue):
        schema = catalogue.schema_of(connector, resource_id)

        assert schema["type"] == "object"
        assert schema["response_data_path"].startswith("$")


def test_every_custom_field_has_the_value_that_its_finder_finds(catalogue: Catalogue) -> None:
    met = 0
    for connector, resource_id in keys(catalogue):
        example = catalogue.example_of(connector, resource_id)
        for custom_field in catalogue.custom_fields_of(connector, resource_id):
            assert jsonpath.find(custom_field.finder, example).values() == [custom_field.value]
            met += 1

    assert met >= 20


@pytest.mark.parametrize(
    "service_id",
    ["azure-active-directory", "charliehr", "personio", "workday", "breathehr", "gusto"],
)
def test_connectors_known_to_have_custom_fields_have_them(
    catalogue: Catalogue, service_id: str
) -> None:
    connector = catalogue.find("hris", service_id)

    assert connector is not None
    assert catalogue.custom_fields_of(connector, "employees")


def test_a_salesforce_lead_has_the_properties_of_a_salesforce_lead(catalogue: Catalogue) -> None:
    salesforce = catalogue.find("crm", "salesforce")
    assert salesforce is not None

    schema = catalogue.schema_of(salesforce, "leads")

    assert {"FirstName", "LastName", "Company", "Status"} <= schema["properties"].keys()
    assert schema["properties"]["Address"]["properties"]["city"]["description"] == "$.Address.city"


def test_what_is_given_by_hand_is_not_made_up() -> None:
    schema, example = {"type": "object"}, {"given": True}
    connector = one_record({"name": "name"}, schema=schema, example=example)
    catalogue = Catalogue.of([connector])

    assert catalogue.schema_of(connector, "leads") == schema
    assert catalogue.example_of(connector, "leads") == example


def test_a_custom_field_may_have_a_value_of_its_own() -> None:
    custom_field = CustomField("shoe_size", "Shoe size", "$.shoe_size", value=42)
    connector = one_record({"shoe_size": "count"}, custom_fields=(custom_field,))

    assert Catalogue.of([connector]).custom_fields_of(connector, "leads") == (custom_field,)


@pytest.mark.parametrize(
    ("leaf", "type_"),
    [
        ("pattern A##", "string"),
        ("Open | Won", "string"),
        ("= EUR", "string"),
        (True, "boolean"),
        (3, "integer"),
        (2.5, "number"),
    ],
)
def test_a_leaf_says_how_its_value_is_made(leaf: Any, type_: str) -> None:
    connector = one_record({"leaf": leaf})
    catalogue = Catalogue.of([connector])

    value = catalogue.example_of(connector, "leads")["leaf"]

    assert catalogue.schema_of(connector, "leads")["properties"]["leaf"]["type"] == type_
    assert isinstance(value, str) or value == leaf


@given(seed=st.integers())
@settings(max_examples=20)
def test_every_kind_of_value_is_of_its_type_and_format(seed: int) -> None:
    record = {name: name for name in records.KINDS}

    example = records.example_of(record, str(seed))

    schema = records.schema_of(record, example)
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(example)


def test_a_property_with_an_unusual_name_is_quoted_in_its_path() -> None:
    schema = records.schema_of({"wd:Worker": {"a b": "= c"}}, {"wd:Worker": {"a b": "c"}})

    inner = schema["properties"]["wd:Worker"]["properties"]["a b"]
    assert inner["description"] == "$['wd:Worker']['a b']"


@pytest.mark.parametrize("finder", ["$", "$.", "name", "$..name", "$.nobody", "$[0]", "$.name[0]"])
def test_a_finder_that_leads_nowhere_is_refused(finder: str) -> None:
    with pytest.raises(records.NothingThere) as refused:
        records.found(finder, {"name": "Ada", "list": []})

    assert refused.value.finder == finder
