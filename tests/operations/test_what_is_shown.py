"""What is kept of a connection's answer is what would be made anew, whatever has changed."""

from typing import Any
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from mockvault.app import create_app
from mockvault.settings import Settings
from mockvault.vault.kept import Kept
from tests.asgi import Client, place

APP = create_app(Settings(log_format="none"))
[VAULT] = [each for each in APP.applications if each.application.id == "mock-app"]
FIELD = "/crm+contacts+preferred_language"

values = st.sampled_from(["1", "", "https://eu1.example", "invalid", 1, 1.0, True, 0, False, None])
settings_of = st.dictionaries(st.sampled_from(["instance_url", "base_url", "api_key"]), values)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "settings": settings_of | st.none(),
        "metadata": st.dictionaries(st.sampled_from("ab"), values),
    },
)
connections = st.sampled_from(["crm+salesforce", "crm+activecampaign", "crm+copper"])


def consent(client: Client, connection: str, answer: str) -> None:
    """Ask for consent, or have it taken back, where the connection shows a way to do so."""
    shown = client.connection(connection)
    url = shown.get("revoke_url" if answer == "revoke" else "authorize_url")
    if not url:
        return
    parts = urlsplit(url)
    query = f"{parts.query}&redirect_uri=http://app.example"
    if answer != "revoke":
        query += f"&mock_consent={answer}"
    moved = client("GET", parts.path, query=query).headers.get("location", "")
    if "/vault/callback" in moved:
        callback = urlsplit(moved)
        client("GET", callback.path, query=callback.query)


def take(client: Client, step: tuple[Any, ...]) -> None:
    """Do one thing to a connection; what is refused changes nothing."""
    name, connection, *told = step
    if name in {"PATCH", "POST"}:
        assert client(name, place(connection), told[0]).status in {200, 400}
    elif name == "import":
        credentials = {"access_token": "a", "refresh_token": "b"}
        assert client("POST", f"{place(connection)}/import", {"credentials": credentials}).data
    elif name == "DELETE":
        client("DELETE", place(connection))
    elif name == "map":
        mapping = place(connection).replace("connections", "custom-mappings") + FIELD
        client(told[0], mapping, *told[1:])
    else:
        consent(client, connection, name)


steps = st.one_of(
    st.tuples(st.sampled_from(["PATCH", "POST"]), connections, bodies),
    st.tuples(st.sampled_from(["approve", "deny", "revoke", "import"]), st.just("crm+salesforce")),
    st.tuples(st.just("map"), connections, st.just("POST"), st.just({"value": "$.a"})),
    st.tuples(st.just("map"), connections, st.just("DELETE")),
    st.tuples(st.just("DELETE"), connections),
)


@given(taken=st.lists(steps, min_size=4, max_size=12))
def test_a_kept_answer_is_the_one_that_would_be_made_anew(taken: list[tuple[Any, ...]]) -> None:
    APP.applications.reset()
    client = Client(APP)
    for step in taken:
        take(client, step)
        for connection in (step[1], "crm+salesforce"):
            kept = client("GET", place(connection)).content
            before, VAULT.shown = VAULT.shown, Kept()
            anew = client("GET", place(connection)).content
            VAULT.shown = before
            assert kept == anew, step


def test_settings_that_are_equal_but_look_otherwise_are_shown_as_they_were_sent() -> None:
    APP.applications.reset()
    client = Client(APP)
    for value in (1, True, "1", 1.0):
        client.patch("crm+salesforce", settings={"instance_url": value})

        [field] = [
            each for each in client.connection()["form_fields"] if each["id"] == "instance_url"
        ]
        assert field["value"] == value
        assert type(field["value"]) is type(value)
