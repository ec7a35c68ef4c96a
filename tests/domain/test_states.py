"""The state of a connection, said again as rules that do not look at the code."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mockvault.domain.connectors import AuthType, Connector, FormField, GrantType
from mockvault.domain.entities import AccessToken, Connection
from mockvault.domain.errors import IllegalStep
from mockvault.domain.events import Cause, ConnectionChange, EventType, events_of
from mockvault.domain.facts import plausible_value, with_facts_of
from mockvault.domain.states import ConnectionState, missing_settings, state_of

TOKEN = AccessToken("a", 0)

fields = st.builds(
    FormField,
    id=st.sampled_from(["a", "b", "c", "api_key"]),
    label=st.just("Label"),
    required=st.booleans(),
    sensitive=st.booleans(),
    deprecated=st.booleans(),
    after_authorization=st.booleans(),
    default_value=st.sampled_from([None, None, "x"]),
)
connectors = st.builds(
    lambda auth, grant, validates, form_fields: Connector(
        "s",
        "crm",
        "S",
        "",
        "",
        "",
        "",
        auth,
        oauth_grant_type=grant if auth is AuthType.OAUTH2 else None,
        validation_support=validates,
        form_fields=tuple({field.id: field for field in form_fields}.values()),
    ),
    st.sampled_from(AuthType),
    st.sampled_from(GrantType),
    st.booleans(),
    st.lists(fields, max_size=4),
)
settings_given = st.dictionaries(
    st.sampled_from(["a", "b", "c", "api_key", "other"]),
    st.sampled_from([None, "", "x", 0, False, "INVALID", []]),
)
connections = st.builds(
    lambda settings, token, enabled: Connection(
        "c", "crm", "s", created_at=0, settings=settings, token=token, enabled=enabled
    ),
    settings_given,
    st.sampled_from([None, TOKEN]),
    st.booleans(),
)


@given(connectors)
def test_what_was_never_added_is_available(connector: Connector) -> None:
    assert state_of(connector, None) is ConnectionState.AVAILABLE


@given(connectors, connections)
def test_what_was_added_is_never_available(connector: Connector, connection: Connection) -> None:
    assert state_of(connector, connection) is not ConnectionState.AVAILABLE


@given(connectors, connections)
def test_only_what_lacks_nothing_is_callable(connector: Connector, connection: Connection) -> None:
    if state_of(connector, connection) is ConnectionState.CALLABLE:
        assert not list(missing_settings(connector, connection))
        assert connection.token is not None or connector.auth_type is not AuthType.OAUTH2


@given(connectors, connections)
def test_only_connectors_that_validate_have_invalid_connections(
    connector: Connector, connection: Connection
) -> None:
    if state_of(connector, connection) is ConnectionState.INVALID:
        assert connector.validation_support
        assert "INVALID" in connection.settings.values()


@given(connectors, connections)
def test_being_enabled_has_no_part_in_the_state(
    connector: Connector, connection: Connection
) -> None:

    other = connection._replace(enabled=not connection.enabled)

    assert state_of(connector, connection) is state_of(connector, other)


@given(connectors, connections, st.sampled_from(ConnectionState))
def test_forced_facts_imply_the_state_or_are_refused(
    connector: Connector, connection: Connection, state: ConnectionState
) -> None:
    assume(state is not ConnectionState.AVAILABLE)
    try:
        forced = with_facts_of(
            connector, connection, state, token=TOKEN, make_value=plausible_value
        )
    except IllegalStep:
        return
    assert state_of(connector, forced) is state
    assert forced.created_at == connection.created_at


@given(connectors)
def test_callable_can_be_had_of_every_connector(connector: Connector) -> None:
    forced = with_facts_of(
        connector,
        Connection("c", "crm", "s", created_at=0),
        ConnectionState.CALLABLE,
        token=TOKEN,
        make_value=plausible_value,
    )

    assert state_of(connector, forced) is ConnectionState.CALLABLE


def change(before: Any, after: Any, states: str, cause: Cause = Cause.REQUEST) -> ConnectionChange:
    from_state, to_state = (ConnectionState(each) for each in states.split())
    return ConnectionChange(before, after, from_state, to_state, 0, cause)


PLAIN = Connection("c", "crm", "s", created_at=0)
OFF = Connection("c", "crm", "s", created_at=0, enabled=False)
OTHER = Connection("c", "crm", "s", created_at=0, settings={"a": 1})


@pytest.mark.parametrize(
    ("made", "events"),
    [
        (change(None, PLAIN, "available added"), ["created"]),
        (change(None, PLAIN, "available callable"), ["created", "callable"]),
        (change(PLAIN, OTHER, "added added"), ["updated"]),
        (change(PLAIN, OTHER, "added callable"), ["updated", "callable"]),
        (change(PLAIN, OTHER, "callable callable"), ["updated"]),
        (change(PLAIN, OFF, "callable callable"), ["disabled"]),
        (change(OFF, PLAIN, "callable callable"), ["updated"]),
        (change(PLAIN, PLAIN, "added added"), []),
        (change(PLAIN, None, "callable available"), ["deleted"]),
        (change(PLAIN, OTHER, "callable added", Cause.REVOCATION), ["revoked"]),
        (
            change(PLAIN, OTHER, "callable added", Cause.REFRESH_FAILURE),
            ["token_refresh.failed"],
        ),
    ],
)
def test_a_change_raises_the_events_that_it_means(
    made: ConnectionChange, events: list[str]
) -> None:
    assert [event.removeprefix("vault.connection.") for event in events_of(made)] == events
    assert all(event in tuple(EventType) for event in events_of(made))


def test_a_change_says_what_a_log_line_says() -> None:
    assert str(change(PLAIN, OTHER, "added callable")) == "crm+s added -> callable"
    assert str(change(PLAIN, OTHER, "added added")) == "crm+s added"
