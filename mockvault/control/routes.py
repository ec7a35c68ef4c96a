"""The control plane's routes: health, reset, and applications made on the fly."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from mockvault.domain.entities import Application
from mockvault.domain.ids import IdSource
from mockvault.json_text import dumps
from mockvault.vault.applications import Applications
from mockvault.web.plans import Health
from mockvault.web.replies import refusal

MAX_ID = 200


class Control:
    """The powers over the running mock, as HTTP."""

    def __init__(
        self, applications: Applications, health: Health, ids: IdSource, about: dict[str, Any]
    ) -> None:
        self._applications = applications
        self._health = health
        self._ids = ids
        self._about = about

    def router(self) -> Router:
        """Return the routes, each below /_mock."""
        return Router(
            [
                Route("/_mock/health", self.health, methods=["GET"]),
                Route("/_mock/reset", self.reset, methods=["POST"]),
                Route("/_mock/apps", self.list_applications, methods=["GET"]),
                Route("/_mock/apps", self.add_application, methods=["POST"]),
                Route("/_mock/apps/{app}", self.remove_application, methods=["DELETE"]),
                Route("/_mock/apps/{app}/reset", self.reset_application, methods=["POST"]),
            ],
            redirect_slashes=False,
        )

    async def health(self, request: Request) -> Response:
        """Answer 200: the worlds are seeded. The counts are of our own bugs."""
        del request
        return _json(
            {
                "status": "ok",
                **self._about,
                "applications": len(self._applications),
                "contract_violations": self._health.contract_violations,
                "unexpected_errors": self._health.unexpected_errors,
                "evicted_logs": {
                    vault.application.id: vault.logs.evicted for vault in self._applications
                },
            }
        )

    async def reset(self, request: Request) -> Response:
        """Restore the seeded world of every application."""
        del request
        self._applications.reset()
        return Response(status_code=204)

    async def reset_application(self, request: Request) -> Response:
        """Restore the seeded world of one application."""
        application_id = request.path_params["app"]
        try:
            self._applications.reset_one(application_id)
        except KeyError:
            return _unknown(application_id)
        return Response(status_code=204)

    async def list_applications(self, request: Request) -> Response:
        """List the applications, without their keys."""
        del request
        return _json(
            {
                "applications": [
                    {"id": vault.application.id, "name": vault.application.name}
                    for vault in self._applications
                ]
            }
        )

    async def add_application(self, request: Request) -> Response:
        """Serve one more application, its world seeded; id and key are made up where not given."""
        content = await request.body()
        try:
            body = json.loads(content) if content.strip() else {}
        except (ValueError, RecursionError):
            return _invalid("", "a JSON object with id and api_key, or nothing")
        if not isinstance(body, dict):
            return _invalid("", "a JSON object with id and api_key, or nothing")
        unknown = sorted(set(body) - {"id", "api_key", "name"})
        if unknown:
            return _invalid(f"/{unknown[0]}", "one of id, api_key, name")
        for name, value in body.items():
            if not isinstance(value, str) or not 0 < len(value) <= MAX_ID or not value.strip():
                return _invalid(f"/{name}", f"a text of 1 to {MAX_ID} characters")
        application_id = body.get("id") or f"app-{self._ids.uuid()}"
        if self._applications.find(application_id) is not None:
            return _response(
                refusal(
                    422,
                    "InvalidStateError",
                    "Invalid State",
                    f"Application '{application_id}' exists",
                )
            )
        key = body.get("api_key") or self._ids.token("mock_key_")
        vault = self._applications.add(
            Application(application_id, (key,), str(body.get("name", application_id)))
        )
        return _json({"id": vault.application.id, "api_key": key}, 201)

    async def remove_application(self, request: Request) -> Response:
        """Serve an application no longer."""
        application_id = request.path_params["app"]
        if self._applications.find(application_id) is None:
            return _unknown(application_id)
        self._applications.remove(application_id)
        return Response(status_code=204)


def _json(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")


def _response(reply: Any) -> Response:
    return Response(reply.content, reply.status, media_type="application/json")


def _unknown(application_id: str) -> Response:
    return _response(
        refusal(
            404,
            "EntityNotFoundError",
            "Unknown Application",
            f"Could not find application with id: '{application_id}'",
        )
    )


def _invalid(pointer: str, expected: str) -> Response:
    return _response(
        refusal(
            400,
            "RequestValidationError",
            "Invalid Params",
            {"violations": [{"in": "body", "pointer": pointer, "expected": expected}]},
        )
    )
