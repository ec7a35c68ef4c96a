"""What a page's request says: its address, its form, and the record that is kept of it."""

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from mockvault.domain.errors import VaultError
from mockvault.pages.rendering import page
from mockvault.vault.vault import Vault
from mockvault.web.plans import Service
from mockvault.web.receiving import BodyTooLarge, BodyTooSlow, read_body
from mockvault.web.recording import Exchange
from mockvault.web.replies import STATUS_BY_ERROR

logger = logging.getLogger("mockvault")

Form = dict[str, list[str]]
Answerer = Callable[[Request], Awaitable[Response]]
MAX_FIELDS = 1_000


class FormRefused(Exception):
    """The body is no form that a page here sends."""


async def form_of(request: Request) -> Form:
    """Return the fields of a form, each with its values; raise FormRefused."""
    try:
        body = await read_body(request.receive)
        return parse_qs(
            body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except (BodyTooLarge, BodyTooSlow, ValueError) as reason:
        raise FormRefused(str(reason)) from reason


def first(form: Form, name: str) -> str:
    """Return the first value of a field, or nothing."""
    return form.get(name, [""])[0]


def base_url_of(request: Request, service: Service) -> str:
    """Return the URL by which the browser reaches the mock."""
    if service.base_url is not None:
        return service.base_url
    host = request.headers.get("host") or "127.0.0.1"
    return f"{request.url.scheme}://{host}"


def recorded(service: Service, answer: Answerer, shown_path: str) -> Answerer:
    """Return what answers, and keeps the record that the log line is made of.

    `shown_path` stands for the path, which may hold the token of a session. The vault that was
    asked is told by `request.state`.
    """

    async def answer_and_record(request: Request) -> Response:
        started = perf_counter()
        error = None
        try:
            response = await answer(request)
        except VaultError as reason:
            error = str(reason)
            response = page(
                "refusal.html",
                STATUS_BY_ERROR[type(reason)],
                title=reason.message,
                text=reason.detail if isinstance(reason.detail, str) else reason.message,
                home=getattr(request.state, "home", None),
            )
        except FormRefused as reason:
            error = str(reason)
            response = page(
                "refusal.html", 400, title="This form cannot be read", text=error, home=None
            )
        except Exception:
            logger.exception("%s failed", shown_path)
            service.health.unexpected_errors += 1
            title, error = "The mock failed", "The mock failed; its log says why."
            response = page("refusal.html", 500, title=title, text=error, home=None)
        vault: Vault | None = getattr(request.state, "vault", None)
        service.record(
            Exchange(
                request.method,
                shown_path.format_map(request.path_params | {"token": "..."}),
                "",
                "" if vault is None else vault.application.id,
                getattr(request.state, "consumer_id", ""),
                response.status_code,
                (perf_counter() - started) * 1000,
                service.ids.uuid(),
                () if vault is None else tuple(map(str, vault.take_changes())),
                error,
            )
        )
        return response

    return answer_and_record
