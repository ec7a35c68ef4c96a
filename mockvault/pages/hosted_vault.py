"""Hosted Vault: the page at a session's address, where a consumer connects what they use.

Every request is judged by the token in its path again; every step goes through the vault's use
cases, in the name of the session's own consumer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mockvault.domain.connectors import Resource
from mockvault.domain.errors import (
    CredentialsRefused,
    EntityNotFound,
    Unauthorized,
)
from mockvault.domain.states import ConnectionState, settings_missing_for_authorization
from mockvault.pages.fields import FieldView, problems_of, said, shown_fields
from mockvault.pages.rendering import page, to
from mockvault.pages.requests import Form, base_url_of, first, form_of, recorded
from mockvault.pages.visits import Offers, Visit, api_name, offers_of, past_visit, visit_of
from mockvault.presenting import log_json, resource_settings_json
from mockvault.store.base import LogsFilter, Position
from mockvault.vault.applications import Applications
from mockvault.vault.connections import Held, find_resource
from mockvault.web.plans import Service

METADATA = ("account_name", "email", "image", "user_name")
"""What is shown of a consumer (contract: #/components/schemas/ConsumerMetadata)."""
LOGS_ON_A_PAGE = 25
SUGGESTIONS = 12
GUIDE = "https://developers.apideck.com/connectors/{}/docs/consumer+connection"
DONE = {
    "added": "Added.",
    "enabled": "Enabled.",
    "disabled": "Disabled.",
    "saved": "Your settings are saved.",
    "authorized": "Access was given.",
    "disconnected": "Disconnected.",
    "deleted": "Deleted.",
    "mapped": "The mapping is saved.",
    "unmapped": "The mapping is removed.",
}
Shown = Mapping[str, Any]
Answer = Callable[[Visit, Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A form that was refused: what it said, and what is wrong with it."""

    form: Form
    problems: Mapping[str, str]


class HostedVault:
    """The pages below /session/{token}."""

    def __init__(self, applications: Applications, service: Service) -> None:
        self._applications = applications
        self._service = service

    def routes(self) -> list[Route]:
        """Return the routes."""
        one = "/connections/{api}/{service}"
        return [
            self._route("", self.list, "GET"),
            self._route("/suggestions", self.suggestions, "GET"),
            self._route("/logs", self.logs, "GET"),
            self._route(one, self.one, "GET"),
            self._route(one, self.change, "POST"),
            self._route(f"{one}/mappings", self.mappings, "GET"),
            self._route(f"{one}/mappings", self.map, "POST"),
            self._route(f"{one}/resources/{{resource}}", self.resource, "GET"),
            self._route(f"{one}/resources/{{resource}}", self.change_resource, "POST"),
        ]

    def _route(self, path: str, answer: Answer, method: str) -> Route:
        async def judged(request: Request) -> Response:
            token = request.path_params["token"]
            try:
                visit = visit_of(self._applications, token, base_url_of(request, self._service))
            except Unauthorized:
                return self._over(token)
            request.state.vault = visit.vault
            request.state.consumer_id = visit.consumer_id
            request.state.home = visit.home
            return await answer(visit, request)

        whole = f"/session/{{token}}{path}"
        return Route(whole, recorded(self._service, judged, whole), methods=[method])

    def _over(self, token: str) -> Response:
        """Say that the session is over; a token that was signed here may still lend its theme."""
        past = past_visit(self._applications, token)
        return page(
            "expired.html",
            401,
            theme={} if past is None else past.theme,
            app_url=None if past is None else past.app_url,
        )

    # the pages beside connections

    async def list(self, visit: Visit, request: Request) -> Response:
        """Show what can be connected and what is, by unified API."""
        wanted = request.query_params.get("q", "").strip()
        api = request.query_params.get("api", "")
        held = visit.held(api or None)
        found = [each for each in held if wanted.casefold() in each.connector.name.casefold()]
        mine = [each for each in found if each.connection is not None]
        groups = [("Your connections", "mine", mine)] if mine else []
        for unified_api in visit.unified_apis:
            others = [
                each
                for each in found
                if each.connection is None and each.connector.unified_api == unified_api
            ]
            if others:
                groups.append((api_name(unified_api), unified_api, others))
        return self._page(
            visit,
            "list.html",
            request,
            current="list",
            groups=[
                (title, group_id, [visit.shown(each) for each in members])
                for title, group_id, members in groups
            ],
            apis=[(each, api_name(each)) for each in visit.unified_apis],
            api=api,
            wanted=wanted,
            count=len(found),
        )

    async def suggestions(self, visit: Visit, request: Request) -> Response:
        """Suggest what fits beside what is connected: first of the unified APIs in use."""
        if not visit.shows("show_suggestions", by_default=False):
            raise EntityNotFound("page", "suggestions")
        held = visit.held()
        used = {each.connector.unified_api for each in held if each.connection is not None}
        free = [each for each in held if each.connection is None]
        free.sort(key=lambda each: each.connector.unified_api not in used)
        shown = [visit.shown(each) for each in free[:SUGGESTIONS]]
        return self._page(visit, "suggestions.html", request, current="suggestions", shown=shown)

    async def logs(self, visit: Visit, request: Request) -> Response:
        """Show the consumer's calls, newest first."""
        if not visit.shows("show_logs", by_default=True):
            raise EntityNotFound("page", "logs")
        before = request.query_params.get("before", "")
        position = Position(int(before) if before.isascii() and before.isdecimal() else None)
        found = visit.vault.logs.page(visit.consumer_id, LogsFilter(), position, LOGS_ON_A_PAGE)
        return self._page(
            visit,
            "logs.html",
            request,
            current="logs",
            entries=[log_json(each) for each in found.items],
            older=None if found.after is None else f"?before={found.after}",
            is_first=not before,
        )

    # a connection

    async def one(self, visit: Visit, request: Request) -> Response:
        """Show a connection with its settings and what can be done with it."""
        held = _held(visit, request)
        return self._connection(visit, request, held)

    async def change(self, visit: Visit, request: Request) -> Response:
        """Take the step that a button of the connection's page stands for."""
        held = _held(visit, request)
        form = await form_of(request)
        shown = visit.shown(held)
        step = first(form, "step")
        if step == "save":
            return self._save(visit, request, held, form)
        take = STEPS.get(step)
        if take is None:
            raise EntityNotFound("step", step[:80])
        offers_of(visit, held, shown).require(step)
        try:
            return to(take(visit, held, shown))
        except CredentialsRefused as reason:
            return self._connection(visit, request, held, failed=str(reason.detail))

    def _save(self, visit: Visit, request: Request, held: Held, form: Form) -> Response:
        shown = visit.shown(held)
        values = said(shown["form_fields"], form)
        problems = problems_of(shown["form_fields"], values)
        if held.connection is None:
            raise EntityNotFound("connection", held.connector.id)
        if problems:
            return self._connection(visit, request, held, trouble=Trouble(form, problems))
        visit.vault.connections.save(
            visit.consumer_id,
            held.connector.unified_api,
            held.connector.service_id,
            {"settings": values},
        )
        return to(f"{shown['href']}?done=saved")

    def _connection(
        self,
        visit: Visit,
        request: Request,
        held: Held,
        *,
        trouble: Trouble | None = None,
        failed: str | None = None,
    ) -> Response:
        shown = visit.shown(held)
        offers = offers_of(visit, held, shown)
        query = request.query_params
        leaving = self._leaving(visit, held, query.get("done", ""))
        connector = held.connector
        return self._page(
            visit,
            "connection.html",
            request,
            422 if trouble or failed else 200,
            current="connection",
            connection=shown,
            offers=offers,
            fields=_fields(shown["form_fields"], trouble) if held.connection else [],
            problems=trouble.problems if trouble else {},
            failed=failed or _failure(query),
            missing=[
                field["label"]
                for field in shown["form_fields"]
                if field["id"] in settings_missing_for_authorization(connector, held.connection)
            ],
            resources=[
                (connector.resources[each].name, visit.place(*_key(held), "resources", each))
                for each in shown["configurable_resources"]
            ],
            mappings=visit.place(*_key(held), "mappings"),
            guide=GUIDE.format(connector.service_id)
            if connector.has_guide and not visit.shows("hide_guides", by_default=False)
            else None,
            app_name=visit.vault.application.name or visit.vault.application.id,
            refresh=(3, leaving) if leaving else None,
            leaving=leaving,
        )

    def _leaving(self, visit: Visit, held: Held, done: str) -> str | None:
        """Return where the browser goes by itself, once what was begun is whole."""
        is_whole = held.state is ConnectionState.CALLABLE and done in ("saved", "authorized")
        if not is_whole or not visit.shows("auto_redirect", by_default=False):
            return None
        return visit.app_url_with(held.connector.service_id)

    # a resource's settings

    async def resource(self, visit: Visit, request: Request) -> Response:
        """Show the settings of a resource."""
        held, _, resource = _resource(visit, request)
        return self._resource(visit, request, held, resource)

    async def change_resource(self, visit: Visit, request: Request) -> Response:
        """Save the settings of a resource."""
        held, shown, resource = _resource(visit, request)
        fields = shown["configuration"]
        form = await form_of(request)
        values = said(fields, form)
        problems = problems_of(fields, values)
        if problems:
            return self._resource(visit, request, held, resource, Trouble(form, problems))
        target = {field["id"]: field["target"] for field in fields}
        defaults = [
            {"id": name, "target": target[name], "value": value} for name, value in values.items()
        ]
        visit.vault.resources.change_settings(
            visit.consumer_id,
            *_key(held),
            resource.id,
            {"configuration": [{"resource": resource.id, "defaults": defaults}]},
        )
        return to(f"{visit.place(*_key(held), 'resources', resource.id)}?done=saved")

    def _resource(
        self,
        visit: Visit,
        request: Request,
        held: Held,
        resource: Resource,
        trouble: Trouble | None = None,
    ) -> Response:
        shown = resource_settings_json(
            visit.vault, held, resource, visit.consumer_id, visit.base_url
        )
        return self._page(
            visit,
            "resource.html",
            request,
            422 if trouble else 200,
            current="connection",
            connection=visit.shown(held),
            resource=resource.name,
            fields=_fields(shown["configuration"], trouble),
            problems=trouble.problems if trouble else {},
        )

    # field mapping

    async def mappings(self, visit: Visit, request: Request) -> Response:
        """Show the target fields and what is mapped to each."""
        held, shown = _with_mappings(visit, request)
        return self._page(
            visit,
            "mappings.html",
            request,
            current="connection",
            connection=shown,
            targets=shown["custom_mappings"],
            finders={
                each["id"]: visit.vault.resources.custom_fields(
                    visit.consumer_id, *_key(held), each["id"].split("+")[1]
                )
                for each in shown["custom_mappings"]
            },
        )

    async def map(self, visit: Visit, request: Request) -> Response:
        """Map a value to a target field, or take it away."""
        held, _ = _with_mappings(visit, request)
        form = await form_of(request)
        target, value = first(form, "target"), first(form, "value").strip()
        here = visit.place(*_key(held), "mappings")
        mappings = visit.vault.custom_mappings
        if first(form, "step") == "delete":
            mappings.delete(visit.consumer_id, *_key(held), target)
            return to(f"{here}?done=unmapped")
        if not value:
            return to(here)
        mappings.save(visit.consumer_id, *_key(held), target, value)
        return to(f"{here}?done=mapped")

    # what all pages share

    def _page(
        self,
        visit: Visit,
        template: str,
        request: Request,
        status: int = 200,
        **values: Any,
    ) -> Response:
        is_isolated = visit.shows("isolation_mode", by_default=False)
        return page(
            template,
            status,
            visit=visit,
            theme=visit.theme,
            consumer={**dict.fromkeys(METADATA), **(visit.claims.get("consumer_metadata") or {})},
            has_panel=visit.shows("show_sidebar", by_default=True) and not is_isolated,
            has_navigation=not is_isolated,
            is_sandbox=visit.shows("sandbox_mode", by_default=False),
            has_logs=visit.shows("show_logs", by_default=True),
            has_suggestions=visit.shows("show_suggestions", by_default=False),
            done=DONE.get(request.query_params.get("done", "")),
            **values,
        )


def _set_enabled(visit: Visit, held: Held, shown: Shown, *, enabled: bool) -> str:
    visit.vault.connections.save(visit.consumer_id, *_key(held), {"enabled": enabled})
    if held.connection is None:
        return f"{shown['href']}?done=added"
    return f"{shown['href']}?done={'enabled' if enabled else 'disabled'}"


def _authorize(visit: Visit, held: Held, shown: Shown) -> str:
    del held
    return _there_and_back(visit, shown, "authorize_url", "authorized")


def _disconnect(visit: Visit, held: Held, shown: Shown) -> str:
    del held
    return _there_and_back(visit, shown, "revoke_url", "disconnected")


def _get_token(visit: Visit, held: Held, shown: Shown) -> str:
    visit.vault.connections.authorize_without_browser(visit.consumer_id, *_key(held))
    return f"{shown['href']}?done=authorized"


def _delete(visit: Visit, held: Held, shown: Shown) -> str:
    del shown
    visit.vault.connections.delete(visit.consumer_id, *_key(held))
    return f"{visit.home}?done=deleted"


def _there_and_back(visit: Visit, shown: Shown, url: str, done: str) -> str:
    """Return one of a connection's OAuth URLs, from which the browser comes back to its page."""
    back = f"{visit.base_url}{shown['href']}?done={done}"
    return f"{shown[url]}&{urlencode({'redirect_uri': back})}"


STEPS: Mapping[str, Callable[[Visit, Held, Shown], str]] = {
    "add": partial(_set_enabled, enabled=True),
    "enable": partial(_set_enabled, enabled=True),
    "disable": partial(_set_enabled, enabled=False),
    "authorize": _authorize,
    "reauthorize": _authorize,
    "disconnect": _disconnect,
    "get_token": _get_token,
    "delete": _delete,
}
"""What a button does, by its value: each returns where the browser goes."""


def _key(held: Held) -> tuple[str, str]:
    return (held.connector.unified_api, held.connector.service_id)


def _held(visit: Visit, request: Request) -> Held:
    return visit.find(request.path_params["api"], request.path_params["service"])


def _offers(visit: Visit, held: Held) -> Offers:
    return offers_of(visit, held, visit.shown(held))


def _resource(visit: Visit, request: Request) -> tuple[Held, dict[str, Any], Resource]:
    """Return the resource of a page; raise EntityNotFound, or IllegalStep where it is not shown."""
    held = _held(visit, request)
    _offers(visit, held).require("resources")
    resource = find_resource(held.connector, request.path_params["resource"])
    shown = resource_settings_json(visit.vault, held, resource, visit.consumer_id, visit.base_url)
    return held, shown, resource


def _with_mappings(visit: Visit, request: Request) -> tuple[Held, dict[str, Any]]:
    held = _held(visit, request)
    shown = visit.shown(held)
    offers_of(visit, held, shown).require("mappings")
    return held, shown


def _fields(fields: list[dict[str, Any]], trouble: Trouble | None) -> list[FieldView]:
    if trouble is None:
        return shown_fields(fields)
    return shown_fields(fields, trouble.form, trouble.problems)


def _failure(query: Mapping[str, str]) -> str | None:
    """Return what the redirect URI was told of a failed flow, in one sentence."""
    if "error_type" not in query:
        return None
    return f"{query.get('error_message', 'It failed.')} ({query['error_type']})"
