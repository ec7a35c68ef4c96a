"""The powers over the mock as a whole and over its applications: health, reset, more of them."""

from typing import Any

from mockvault.control.openapi import document
from mockvault.control.power import TEXT, Asked, Power, Refused, an_object
from mockvault.domain.clock import iso_time
from mockvault.domain.entities import Application
from mockvault.domain.ids import IdSource

_ID = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"}


def health(asked: Asked) -> Any:
    """Answer 200: the worlds are seeded. The counts are of our own bugs."""
    mock = asked.mock
    return {
        "status": "ok",
        **mock.about,
        "applications": len(mock.applications),
        "contract_violations": mock.health.contract_violations,
        "unexpected_errors": mock.health.unexpected_errors,
        "evicted_logs": {vault.application.id: vault.logs.evicted for vault in mock.applications},
    }


def describe(asked: Asked) -> Any:
    """Answer the OpenAPI document of the control plane."""
    return document(asked.mock.tools["powers"], asked.base_url)


def reset(asked: Asked) -> None:
    """Restore the seeded world of every application, and every clock."""
    asked.mock.workbenches.reset(asked.mock.applications)


def reset_application(asked: Asked) -> None:
    """Restore the seeded world of one application, and its clock."""
    asked.workbench.reset()


def list_applications(asked: Asked) -> Any:
    """List the applications, without their keys."""
    return {
        "applications": [
            {"id": vault.application.id, "name": vault.application.name}
            for vault in asked.mock.applications
        ]
    }


def show_application(asked: Asked) -> Any:
    """Tell how an application stands."""
    workbench = asked.workbench
    vault, journal = workbench.vault, workbench.journal
    return {
        "id": vault.application.id,
        "name": vault.application.name,
        "now": iso_time(vault.now()),
        "frozen": workbench.clock.is_frozen,
        "consumers": vault.surroundings.store.consumer_count(),
        "events": workbench.webhooks.raised,
        "webhooks": len(workbench.webhooks.subscriptions),
        "faults": len(workbench.faults.rules),
        "limit": workbench.faults.limit,
        "snapshots": sorted(workbench.snapshots),
        "journal": {"entries": len(journal), "last": journal.last, "evicted": journal.evicted},
    }


def add_application(asked: Asked) -> Any:
    """Serve one more application, its world seeded; id and key are made up where not given."""
    body, applications = asked.body, asked.mock.applications
    ids: IdSource = asked.mock.tools["ids"]
    application_id = body.get("id") or f"app-{ids.uuid()}"
    if applications.find(application_id) is not None:
        raise Refused(
            422, "InvalidStateError", "Invalid State", f"Application '{application_id}' exists"
        )
    key = body.get("api_key") or ids.token("mock_key_")
    vault = applications.add(Application(application_id, (key,), body.get("name", application_id)))
    return {"id": vault.application.id, "api_key": key}


def remove_application(asked: Asked) -> None:
    """Serve an application no longer."""
    asked.mock.applications.remove(asked.path["app"])


POWERS = (
    Power(
        "GET",
        "/_mock/health",
        "health",
        "Tell that the worlds are seeded, and what went wrong on the mock's own side",
        health,
        "Mock",
        is_open=True,
    ),
    Power(
        "GET",
        "/_mock/openapi.json",
        "describe",
        "Describe the control plane by its OpenAPI document",
        describe,
        "Mock",
    ),
    Power(
        "POST", "/_mock/reset", "reset", "Restore every application's beginning", reset, "Mock", 204
    ),
    Power(
        "GET", "/_mock/apps", "applicationsList", "List the applications", list_applications, "Mock"
    ),
    Power(
        "POST",
        "/_mock/apps",
        "applicationsAdd",
        "Serve one more application, its world seeded",
        add_application,
        "Mock",
        201,
        takes=an_object(id=_ID, api_key=_ID, name=TEXT),
        refusals={422: "An application of that id exists."},
    ),
    Power(
        "GET",
        "/_mock/apps/{app}",
        "applicationsShow",
        "Tell how an application stands",
        show_application,
        "Mock",
    ),
    Power(
        "DELETE",
        "/_mock/apps/{app}",
        "applicationsRemove",
        "Serve an application no longer",
        remove_application,
        "Mock",
        204,
    ),
    Power(
        "POST",
        "/_mock/apps/{app}/reset",
        "applicationsReset",
        "Restore one application's beginning",
        reset_application,
        "Mock",
        204,
    ),
)
