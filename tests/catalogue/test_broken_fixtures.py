from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mockvault.catalogue import BrokenFixtures, load_catalogue
from mockvault.catalogue.reading import located
from mockvault.catalogue.shapes import UNIFIED_APIS

USUAL = """\
leads:
  name: Leads
  record:
    first_name: first_name
    tags: [word]
"""
GOOD = """\
service_id: acme
name: Acme
unified_apis: [crm]
tag_line: Leads in Acme.
website: https://acme.example
auth_type: apiKey
form_fields:
  - id: api_key
    label: API Key
    required: true
    sensitive: true
"""


def written(directory: Path, connector: str = GOOD, usual: str = USUAL, **files: str) -> Path:
    fixtures = directory / "fixtures"
    for path, text in {"connectors/acme": connector, "resources/crm": usual, **files}.items():
        file = fixtures / f"{path}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return fixtures


def told(fixtures: Path) -> list[str]:
    with pytest.raises(BrokenFixtures) as broken:
        load_catalogue(fixtures)
    return str(broken.value).splitlines()


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def with_field(*lines: str) -> str:
    """The good connector with a second form field, which begins on line 12."""
    return GOOD + "  - " + "\n    ".join(["id: more", "label: More", *lines]) + "\n"


def test_good_fixtures_are_read(tmp_path: Path) -> None:
    catalogue = load_catalogue(written(tmp_path))

    assert [connector.id for connector in catalogue.all] == ["crm+acme"]


SHAPES = {
    "an unknown type": (
        with_field("type: dropdown"),
        (
            "14: form_fields[1].type: 'dropdown' is not one of text, checkbox, tel, email, url,"
            " textarea, select, filtered-select, multi-select, datetime, date, time, number"
        ),
    ),
    "a misspelt key": (
        with_field("requird: true"),
        "14: form_fields[1]: 'requird' is not known here (did you mean 'required'?)",
    ),
    "a key unlike any": (GOOD + "xyzzy: 1\n", "12: 'xyzzy' is not known here"),
    "a missing key": (changed("name: Acme\n", ""), "1: 'name' is missing"),
    "a missing key of a field": (
        changed("    label: API Key\n", ""),
        "8: form_fields[0]: 'label' is missing",
    ),
    "a duplicate key": (
        GOOD + "name: Acme Again\n",
        "12: 'name' stands here twice, first on line 2",
    ),
    "a number for a text": (
        changed("name: Acme", "name: 12"),
        "2: name: '12' is not text, quote it if it is meant as text",
    ),
    "a list for a text": (changed("name: Acme", "name: [Acme]"), "2: name: a list is not text"),
    "an empty text": (changed("name: Acme", "name: ' '"), "2: name: is empty"),
    "nothing for a text": (
        changed("name: Acme", "name:"),
        "2: name: nothing is not text, quote it if it is meant as text",
    ),
    "a text for a flag": (
        with_field("required: maybe"),
        "14: form_fields[1].required: 'maybe' is not true or false",
    ),
    "a mapping for a list": (
        changed("unified_apis: [crm]", "unified_apis: {crm: 1}"),
        "3: unified_apis: a mapping is not a list",
    ),
    "a text for a mapping": (
        GOOD + "provider: blue\n",
        "12: provider: 'blue' is not a mapping",
    ),
    "a key that is no text": (
        GOOD + "[a, b]: 1\n",
        "12: a list is not text",
    ),
    "a number that is not decimal": (
        with_field("type: number", "default_value: 0x1F"),
        "15: form_fields[1].default_value: '0x1F' is not a decimal number",
    ),
    "an address that is none": (
        changed("https://acme.example", "acme.example"),
        "5: website: 'acme.example' is not a web address, which begins with https://",
    ),
    "an unknown auth type": (
        changed("apiKey", "apikey"),
        (
            "6: auth_type: 'apikey' is not one of oauth2, apiKey, basic, custom, none"
            " (did you mean 'apiKey'?)"
        ),
    ),
    "an unknown grant": (
        GOOD + "oauth_grant_type: implicit\n",
        (
            "12: oauth_grant_type: 'implicit' is not one of authorization_code, client_credentials,"
            " password"
        ),
    ),
    "an unknown status": (
        GOOD + "status: gone\n",
        "12: status: 'gone' is not one of live, upcoming, requested",
    ),
    "a unified API twice": (
        changed("[crm]", "[crm, crm]"),
        "3: unified_apis[1]: 'crm' is named twice",
    ),
    "resources of an unknown unified API": (
        GOOD + "resources:\n  crn: {}\n",
        f"13: resources: 'crn' is not one of {', '.join(UNIFIED_APIS)} (did you mean 'crm'?)",
    ),
    "a record made of nothing known": (
        GOOD + "resources:\n  crm:\n    leads:\n      record:\n        Name: frist_name\n",
        (
            "16: resources.crm.leads.record.Name: 'frist_name' is not a kind of value"
            " (did you mean 'first_name'?)"
        ),
    ),
    "a property without a word": (
        GOOD + "resources:\n  crm:\n    leads:\n      record: {Name: }\n",
        "15: resources.crm.leads.record.Name: says nothing about how its value is made",
    ),
    "an empty list in a record": (
        GOOD + "resources:\n  crm:\n    leads:\n      record: {Tags: []}\n",
        "15: resources.crm.leads.record.Tags: is an empty list, which says nothing about its items",
    ),
    "a target field with a key unfit for ids": (
        GOOD + "resources:\n  crm:\n    leads:\n"
        "      target_fields: [{key: Shoe Size, label: Shoe Size}]\n",
        (
            "15: resources.crm.leads.target_fields[0].key: 'Shoe Size' is not made of small"
            " letters, digits and underscores"
        ),
    ),
    "an option type that does not fit": (
        with_field("type: select", "options: [{label: A, value: a, option_type: group}]"),
        "15: form_fields[1].options[0].option_type: 'group' is not one of simple",
    ),
    "an option without a value": (
        with_field("type: select", "options:", "  - {label: A}"),
        "16: form_fields[1].options[0]: 'value' is missing",
    ),
}


MEANINGS = {
    "another name than the file's": (
        changed("service_id: acme", "service_id: acne"),
        "1: service_id: 'acne' is not the file's name, 'acme'",
    ),
    "a field id twice": (
        GOOD + "  - {id: api_key, label: Again}\n",
        "12: form_fields[1].id: 'api_key' is already the id of field 0",
    ),
    "a setting that is no field": (
        GOOD + "settings_required_for_authorization: [shop]\n",
        "12: settings_required_for_authorization[0]: 'shop' is not one of the form fields: api_key",
    ),
    "a filter that names no field": (
        with_field(
            "type: filtered-select",
            "filter: {key: id, value: pipeline}",
            "options: [{id: a, label: A, options: []}]",
        ),
        "15: form_fields[1].filter.value: 'pipeline' is not a field of this form",
    ),
    "a group that no value chooses": (
        with_field("type: select", "options: [a, b]")
        + "  - id: stage\n    label: Stage\n    type: filtered-select\n"
        "    filter: {key: id, value: more}\n"
        "    options: [{id: c, label: C, options: []}]\n",
        "20: form_fields[2].options[0].id: 'c' is not a value of the field 'more'",
    ),
    "a filtered select without a filter": (
        with_field("type: filtered-select", "options: [{id: a, label: A, options: []}]"),
        "12: form_fields[1]: a filtered-select wants a filter",
    ),
    "a filtered select of simple options": (
        with_field("type: filtered-select", "filter: {key: id, value: api_key}", "options: [a]"),
        "16: form_fields[1].options[0]: a filtered-select has groups of options",
    ),
    "a select without options": (
        with_field("type: select"),
        "12: form_fields[1]: a field of type select wants options",
    ),
    "a text with options": (
        with_field("options: [a, b]"),
        "14: form_fields[1].options: a field of type text has no options",
    ),
    "oauth2 without a grant": (
        changed("apiKey", "oauth2"),
        "6: auth_type: oauth2 wants an oauth_grant_type",
    ),
    "a grant without oauth2": (
        GOOD + "oauth_grant_type: password\n",
        "12: oauth_grant_type: a connector of auth_type apiKey has no grant",
    ),
    "an API key that nobody is asked for": (
        changed("    sensitive: true\n", ""),
        "6: auth_type: apiKey wants a form field that is required and sensitive",
    ),
    "a revocation without consent": (
        GOOD + "revocable: true\n",
        "12: revocable: only a connector with the grant authorization_code is revocable",
    ),
    "a choice after an authorization that never comes": (
        with_field("type: select", "options: [a]", "after_authorization: true"),
        "16: form_fields[1].after_authorization: only an OAuth connector is authorized first",
    ),
    "resources of a unified API that it is not in": (
        GOOD + "resources:\n  hris: {}\n",
        "13: resources.hris: 'hris' is not one of unified_apis",
    ),
    "a resource that the unified API does not have": (
        GOOD + "resources:\n  crm:\n    lids: {}\n",
        "14: resources.crm.lids: 'lids' is not a resource of crm: leads",
    ),
    "a finder that finds nothing": (
        GOOD + "resources:\n  crm:\n    leads:\n      custom_fields:\n"
        "        - {id: a, name: A, finder: $.last_name}\n",
        (
            "16: resources.crm.leads.custom_fields[0].finder:"
            " '$.last_name' leads to nothing in the record"
        ),
    ),
    "a variant that does not hold together": (
        GOOD + "variants:\n  crm:\n    auth_type: oauth2\n",
        "14: variants.crm.auth_type: oauth2 wants an oauth_grant_type",
    ),
}


@pytest.mark.parametrize(
    ("connector", "problem"), [*SHAPES.values(), *MEANINGS.values()], ids=[*SHAPES, *MEANINGS]
)
def test_a_broken_connector_is_refused_with_line_and_reason(
    tmp_path: Path, connector: str, problem: str
) -> None:
    assert told(written(tmp_path, connector)) == [f"fixtures/connectors/acme.yml:{problem}"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("name: [Acme\n", 2, "is not YAML: "),
        ("name: Acme\n\tid: acme\n", 2, "is not YAML: "),
        ("name: \x01\n", 1, "is not YAML: "),
        ("name: *acme\n", 1, "is not YAML: "),
        ("a: 1\n---\nb: 2\n", 2, "is not YAML: "),
        ("# nothing yet\n", 1, "is empty"),
    ],
)
def test_what_is_not_one_yaml_document_is_refused(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    (problem,) = told(written(tmp_path, text))

    assert problem.startswith(f"fixtures/connectors/acme.yml:{line}: {reason}")


def test_a_record_that_holds_itself_is_refused(tmp_path: Path) -> None:
    (problem,) = told(written(tmp_path, usual="leads:\n  name: Leads\n  record: &a {a: *a}\n"))

    assert problem.endswith("a record is nested deeper than 8")


def test_usual_resources_are_of_a_unified_api(tmp_path: Path) -> None:
    fixtures = written(tmp_path, **{"resources/crn": USUAL})

    assert told(fixtures) == [
        "fixtures/resources/crn.yml:1: is named 'crn', which is not a unified API"
    ]


def test_all_that_is_wrong_in_all_files_is_told_together(tmp_path: Path) -> None:
    broken = changed("name: Acme", "nam: Acme").replace("label: API Key", "lable: API Key")
    usual = USUAL.replace("first_name: first_name", "first_name: 'no kind'")

    problems = told(written(tmp_path, broken, usual, **{"connectors/beta": "a"}))

    assert [problem.partition(" ")[0] for problem in problems] == [
        "fixtures/resources/crm.yml:4:",
        "fixtures/connectors/acme.yml:1:",
        "fixtures/connectors/acme.yml:2:",
        "fixtures/connectors/acme.yml:8:",
        "fixtures/connectors/acme.yml:9:",
        "fixtures/connectors/beta.yml:1:",
    ]


def test_a_broken_resource_is_not_blamed_on_the_connectors_that_have_it(tmp_path: Path) -> None:
    connector = GOOD + "resources:\n  crm:\n    leads:\n"

    problems = told(written(tmp_path, connector, usual="leads: {}\n"))

    assert {problem.partition(":")[0] for problem in problems} == {"fixtures/resources/crm.yml"}


def test_a_problem_shared_by_two_unified_apis_is_told_once(tmp_path: Path) -> None:
    connector = changed("[crm]", "[crm, lead]").replace("apiKey", "oauth2")

    assert len(told(written(tmp_path, connector))) == 1


@pytest.mark.parametrize("path", [("fields", 0, "type"), ("fields", 7), ("fields", 0, "id", "a")])
def test_what_is_said_of_an_absent_part_is_told_at_the_nearest_part_around(
    path: tuple[str | int, ...],
) -> None:
    node = yaml.compose("name: Acme\nfields:\n  - id: a\n")

    assert node is not None
    problem = located(node, path, "is missed")

    assert (problem.line, problem.path) == (2 if path[1] == 7 else 3, path)


def test_a_problem_keeps_its_file_line_and_reason(tmp_path: Path) -> None:
    with pytest.raises(BrokenFixtures) as broken:
        load_catalogue(written(tmp_path, changed("name: Acme", "name: 12")))

    (problem,) = broken.value.problems
    assert (problem.file, problem.line) == ("fixtures/connectors/acme.yml", 2)
    assert problem.reason == "name: '12' is not text, quote it if it is meant as text"


FULL = (
    GOOD
    + """\
  - {id: size, label: Size, type: select, options: [1, 2], default_value: 1}
settings_required_for_authorization: [size]
provider: {color: "#fff", scopes: [read]}
variants:
  crm: {validation_support: true}
resources:
  crm:
    leads:
      status: beta
      record: {name: name, tags: [word, {deep: "= x"}], count: 1}
      custom_fields:
        - {id: deep, name: Deep, finder: "$.tags[1].deep"}
"""
)
TOKENS = [
    "", "\n", "  ", ":", "- ", "[", "]", "{", "}", "'", '"', "#", "&a ", "*a", "!!binary ", "|",
    "? ", "1", "1e9", "0x1F", "true", "~", "2020-01-01", "crm", "lead", "oauth2", "$.x", "<<",
    "\t", "\0", "é",
]  # fmt: skip


@given(edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(TOKENS))))
def test_whatever_a_file_says_it_is_read_or_refused_with_a_line_of_it(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[float, int, str]]
) -> None:
    text = FULL
    for place, length, token in edits:
        start = int(place * len(text))
        text = text[:start] + token + text[start + length :]
    fixtures = written(tmp_path_factory.mktemp("edited"), text)

    try:
        load_catalogue(fixtures)
    except BrokenFixtures as broken:
        for problem in broken.problems:
            assert 1 <= problem.line <= len(text.splitlines()) + 1
            assert problem.reason


def test_a_directory_without_fixtures_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "elsewhere"

    assert told(directory) == [
        "elsewhere/resources:1: holds no *.yml files",
        "elsewhere/connectors:1: holds no *.yml files",
    ]
