"""The operation on sessions: a token and the address of the hosted Vault that it opens."""

from typing import Any

from mockvault.vault.vault import Vault
from mockvault.web.caller import Caller
from mockvault.web.replies import Reply, ok


def sessions_create(vault: Vault, caller: Caller, *, body: dict[str, Any] | None = None) -> Reply:
    """Make a session for the consumer."""
    session = vault.sessions.create(
        caller.consumer, body or {}, f"{caller.base_url}/_mock/vault/oauth/callback"
    )
    return ok(
        {
            "session_uri": f"{caller.base_url}/session/{session.token}",
            "session_token": session.token,
        }
    )
