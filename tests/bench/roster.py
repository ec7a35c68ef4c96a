"""Who is measured: the mock in its modes, and the peers, each installed here where it can be."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from sqlite3 import sqlite_version
from typing import Any
from uuid import UUID

import yaml

from mockvault.version import VERSION
from tests.bench.calls import ANSWERED, CALLS
from tests.bench.servers import Absent, Server

HERE = Path(__file__).parent
SPEC = HERE.parent.parent / "spec" / "vault.yml"
OUT = HERE / "out"
PEERS = HERE / "peers"
NOTHING_KEPT = "keeps no state, no log, no counts"
NOT_JUDGING = frozenset({"e"})


class CannotBeHad(Exception):
    """A peer cannot be installed or run here; the text says why."""


@dataclass(frozen=True)
class Material:
    """What peers answer from: the answers, and the contract with them as its examples."""

    answers: Path
    spec: Path
    spec_json: Path
    mockoon: Path

    @property
    def environment(self) -> dict[str, str]:
        """What peers are told by variables."""
        return {
            "BENCH_ANSWERS": str(self.answers),
            "BENCH_SPEC": str(SPEC),
            "BENCH_SPEC_JSON": str(self.spec_json),
        }


def material(given: dict[str, Any], folder: Path) -> Material:
    """Write the answers of the mock in the forms that peers read."""
    found = Material(
        folder / "answers.json",
        folder / "spec.yml",
        folder / "spec.json",
        folder / "mockoon.json",
    )
    found.answers.write_text(json.dumps(given))
    document = yaml.load(SPEC.read_bytes(), yaml.CSafeLoader)
    found.spec_json.write_text(json.dumps(document, default=str))
    found.spec.write_text(yaml.dump(_with_examples(document, given), Dumper=yaml.CSafeDumper))
    found.mockoon.write_text(json.dumps(_mockoon(given)))
    return found


def _with_examples(document: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    for call in ANSWERED:
        responses = document["paths"][call.template][call.method.lower()]["responses"]
        component = document["components"]["responses"][responses["200"]["$ref"].rpartition("/")[2]]
        schema = component["content"]["application/json"]["schema"]
        example = given[call.operation_id]
        content = {"application/json": {"schema": schema, "example": example}}
        responses["200"] = {"description": call.name, "content": content}
    document.pop("x-webhooks", None)
    return document


def _mockoon(given: dict[str, Any]) -> dict[str, Any]:
    """Return an environment of Mockoon with a fixed answer for each call."""
    numbers = iter(range(1, 1000))

    def number() -> str:
        return str(UUID(int=next(numbers)))

    routes = []
    for call in ANSWERED:
        endpoint = call.template.replace("{", ":").replace("}", "").lstrip("/")
        answer = {
            "uuid": number(),
            "body": json.dumps(given[call.operation_id], separators=(",", ":")),
            "latency": 0,
            "statusCode": 200,
            "label": call.name,
            "headers": [{"key": "Content-Type", "value": "application/json"}],
            "bodyType": "INLINE",
            "filePath": "",
            "databucketID": "",
            "sendFileAsBody": False,
            "rules": [],
            "rulesOperator": "OR",
            "disableTemplating": True,
            "fallbackTo404": False,
            "default": True,
            "crudKey": "id",
            "callbacks": [],
        }
        routes.append(
            {
                "uuid": number(),
                "type": "http",
                "documentation": "",
                "method": call.method.lower(),
                "endpoint": endpoint,
                "responses": [answer],
                "responseMode": None,
                "streamingMode": None,
                "streamingInterval": 0,
            }
        )
    return {
        "uuid": number(),
        "lastMigration": 33,
        "name": "bench",
        "endpointPrefix": "",
        "latency": 0,
        "port": 3000,
        "hostname": "",
        "folders": [],
        "routes": routes,
        "rootChildren": [{"type": "route", "uuid": route["uuid"]} for route in routes],
        "proxyMode": False,
        "proxyHost": "",
        "proxyRemovePrefix": False,
        "tlsOptions": {"enabled": False},
        "cors": False,
        "headers": [],
        "proxyReqHeaders": [],
        "proxyResHeaders": [],
        "data": [],
        "callbacks": [],
    }


PLAIN = "mockvault"
VALIDATED = "mockvault, answers validated"
SQLITE = "mockvault, SQLite"
REDIS = "mockvault, Redis"
WORKERS = "mockvault, 2 workers"
STARLETTE = "Starlette + orjson"
STATIC = "bare ASGI function, ready bytes"
FASTAPI = "FastAPI"
CONNEXION = "connexion, stock, validated"
BACKEND = "openapi-backend"
PRISM = "Prism, static"
MOCKOON = "Mockoon"


def ours() -> tuple[Server, ...]:
    """Return the mock as it is served, and as it judges its own answers too."""
    return (
        _ours(PLAIN, "answers are made valid, not judged again"),
        _ours(VALIDATED, "each answer is judged by the contract too", "--validate-responses"),
    )


def _ours(
    name: str, unequal: str, *flags: str, helper: tuple[str, ...] = (), engine: str = ""
) -> Server:
    serve = ("-m", "mockvault", "serve", "--port", "{port}", "--log-format", "none", *flags)
    told = f"{VERSION}, {engine}" if engine else VERSION
    return Server(
        name,
        told,
        _python(*serve),
        unequal,
        is_ours=True,
        helper=helper,
        may_go_first="sqlite" not in " ".join(flags),
    )


def _sqlite(_: Material) -> Server:
    store = ("--store", "sqlite:///{folder}/mock.db")
    return _ours(SQLITE, "worlds kept in a file", *store, engine=f"SQLite {sqlite_version}")


def _workers(_: Material) -> Server:
    flags = ("--store", "sqlite:///{folder}/mock.db", "--workers", "2")
    unequal = "two processes that share a file, on one core here"
    return _ours(WORKERS, unequal, *flags, engine=f"SQLite {sqlite_version}")


def _redis(_: Material) -> Server:
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        raise CannotBeHad("neither redis-server nor valkey-server is there")
    if find_spec("redis") is None:
        raise CannotBeHad("the Python package redis is not there")
    options = ("--save", "", "--appendonly", "no", "--dir", "{folder}", "--bind", "127.0.0.1")
    found = re.search(r"v=([\d.]+)", _told([binary, "--version"]) or "")
    return _ours(
        REDIS,
        "worlds kept in Redis, whose own CPU time is counted too",
        *("--store", "redis://127.0.0.1:{helper_port}/0"),
        helper=(binary, "--port", "{helper_port}", *options),
        engine=f"{Path(binary).name} {found[1] if found else ''}".strip(),
    )


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-W", "ignore", *arguments)


def _static(_: Material) -> Server:
    command = _python(str(PEERS / "static_peer.py"), "{port}")
    unequal = f"{NOTHING_KEPT}, reads and validates nothing: what an answer costs at least"
    return Server(STATIC, f"uvicorn {version('uvicorn')}", command, unequal, NOT_JUDGING)


def _starlette(_: Material) -> Server:
    command = _python(str(PEERS / "starlette_peer.py"), "{port}")
    told = f"{version('starlette')}, orjson {version('orjson')}, uvicorn {version('uvicorn')}"
    return Server(STARLETTE, told, command, f"{NOTHING_KEPT}, validates nothing", NOT_JUDGING)


def _connexion(_: Material) -> Server:
    command = _python(str(PEERS / "connexion_peer.py"), "{port}")
    unequal = f"{NOTHING_KEPT}, tells one violation"
    return Server(CONNEXION, version("connexion"), command, unequal)


def _fastapi(_: Material) -> Server:
    python = OUT / "venv" / "bin" / "python"
    if not python.exists():
        _tried([sys.executable, "-m", "venv", str(OUT / "venv")])
    asked = "import fastapi, pydantic, uvicorn, yaml, uvloop, httptools"
    if _told([str(python), "-c", asked]) is None:
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _tried([*pip, "fastapi", f"uvicorn[standard]=={version('uvicorn')}", "pyyaml"])
    text = "import fastapi, pydantic; print(fastapi.__version__ + ', pydantic ' + pydantic.VERSION)"
    command = (str(python), "-W", "ignore", str(PEERS / "fastapi_peer.py"), "{port}")
    unequal = f"{NOTHING_KEPT}; models made of the contract's schemas judge requests and answers"
    return Server(FASTAPI, _told([str(python), "-c", text]) or "", command, unequal)


def _prism(made: Material) -> Server:
    binary, found = _npm("@stoplight/prism-cli", "prism")
    command = (binary, "mock", str(made.spec), "-p", "{port}", "-h", "127.0.0.1", "-v", "fatal")
    unequal = f"{NOTHING_KEPT}; judges requests, answers from examples"
    return Server(PRISM, found, command, unequal, refuses_with=422)


def _mockoon_cli(made: Material) -> Server:
    binary, found = _npm("@mockoon/cli", "mockoon-cli")
    start = ("start", "--data", str(made.mockoon), "--port", "{port}", "--hostname", "127.0.0.1")
    command = (binary, *start, "--disable-log-to-file", "--repair", "--disable-admin-api")
    return Server(MOCKOON, found, command, f"{NOTHING_KEPT}, validates nothing", NOT_JUDGING)


def _backend(_: Material) -> Server:
    _, found = _npm("openapi-backend", None)
    command = ("node", str(PEERS / "openapi_backend_peer.mjs"), "{port}")
    unequal = f"{NOTHING_KEPT}; ajv judges requests and answers"
    return Server(BACKEND, found, command, unequal, environment={"BENCH_NODE": str(OUT / "npm")})


MAKERS: dict[str, Callable[[Material], Server]] = {
    SQLITE: _sqlite,
    WORKERS: _workers,
    REDIS: _redis,
    STATIC: _static,
    STARLETTE: _starlette,
    FASTAPI: _fastapi,
    CONNEXION: _connexion,
    BACKEND: _backend,
    PRISM: _prism,
    MOCKOON: _mockoon_cli,
}


def others(made: Material) -> Iterator[Server | Absent]:
    """Yield the mock over each store, and every peer; what cannot be had here says so instead."""
    for name, make in MAKERS.items():
        try:
            yield make(made)
        except CannotBeHad as reason:
            yield Absent(name, str(reason))


def _npm(package: str, binary: str | None) -> tuple[str, str]:
    """Return the path of a package's binary and its version, installed where it is not yet."""
    folder = OUT / "npm"
    wanted = json.loads((PEERS / "package.json").read_text())["dependencies"][package]
    manifest = folder / "node_modules" / package / "package.json"
    if not manifest.exists() or json.loads(manifest.read_text())["version"] != wanted:
        if shutil.which("npm") is None:
            raise CannotBeHad("npm is not there")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PEERS / "package.json", folder / "package.json")
        _tried(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)],
        )
    node = _told(["node", "--version"])
    if node is None:
        raise CannotBeHad("node is not there")
    path = folder / "node_modules" / ".bin" / (binary or "")
    return str(path), f"{wanted}, node {node.strip()}"


def _tried(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise CannotBeHad(str(reason)) from None
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise CannotBeHad(told[-1] if told else f"{command[0]} ends with {done.returncode}")


def _told(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


LETTERS = tuple(call.letter for call in CALLS)
