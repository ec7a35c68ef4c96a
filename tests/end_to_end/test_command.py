"""The command line as a person or a script meets it."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from mockvault.cli import main
from mockvault.locations import builtin_contract, builtin_fixtures
from tests.end_to_end.conftest import HEADERS, KEY, Running, running

OF_CRM = "/vault/connections/crm/salesforce"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


def test_the_banner_tells_what_is_needed_and_its_curl_works_when_pasted(mock: Running) -> None:
    banner = mock.log()
    pasted = re.search(r"curl http.*?test-consumer'", banner, re.DOTALL)

    assert pasted is not None
    for told in (mock.url, "mock-app", "mock-api-key", "test-consumer"):
        assert told in banner
    answer = subprocess.run(
        ["sh", "-c", f"{pasted[0]} --silent"], capture_output=True, check=True, timeout=60
    )
    assert json.loads(answer.stdout)["data"]["id"] == "crm+salesforce"


def test_a_start_says_nothing_but_the_banner(tmp_path: Path) -> None:
    with running(tmp_path) as found:
        assert found.log().startswith("mockvault ")
        assert "Warning" not in found.log()


def test_health_answers_200(mock: Running) -> None:
    health = httpx.get(f"{mock.url}/_mock/health")

    assert health.status_code == 200
    assert health.json()["status"] == "ok"
    assert health.json()["contract"] == "10.4.0"


def test_each_request_is_one_line_that_says_what_changed(mock: Running, http: httpx.Client) -> None:
    http.patch("/vault/connections/crm/zoho-crm", json={"enabled": True})
    http.get("/vault/consumers/nobody")
    lines = [json.loads(line) for line in mock.log().splitlines() if line.startswith("{")]

    changed = next(each for each in lines if each["operation_id"] == "connectionsUpdate")
    refused = next(each for each in lines if each["status"] == 404)
    assert changed["changes"] == ["crm+zoho-crm available -> added"]
    assert changed["application_id"] == "mock-app"
    assert changed["consumer_id"] == "test-consumer"
    assert changed["milliseconds"] > 0
    assert "nobody" in refused["error"]


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_and_well(tmp_path: Path, name: signal.Signals) -> None:
    with running(tmp_path) as found, httpx.Client(base_url=found.url, headers=HEADERS) as client:
        assert client.get(OF_CRM).status_code == 200  # the connection is kept open
        host, port = found.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as waiting:
            waiting.sendall(
                b"POST /vault/consumers HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"
            )
            time.sleep(0.2)
            began = time.monotonic()
            code = found.stop(name)
            took = time.monotonic() - began

    assert code == 0, found.log()
    assert took < 10  # 2 s on a machine that does nothing else


def test_a_port_in_use_is_told_with_exit_code_3(mock: Running) -> None:
    port = mock.url.rpartition(":")[2]

    result = run("serve", "--port", port)

    assert result.exit_code == 3
    assert f"127.0.0.1:{port} is in use" in result.output


def test_an_invalid_contract_is_told_by_its_pointer_with_exit_code_4(tmp_path: Path) -> None:
    document = yaml.load(builtin_contract().read_bytes(), yaml.CSafeLoader)
    responses = document["paths"]["/vault/consumers"]["get"]["responses"]
    responses["200"] = {"$ref": "#/components/responses/Missing"}
    spec = tmp_path / "broken.json"
    spec.write_text(json.dumps(document))

    result = run("serve", "--port", "0", "--spec", str(spec))

    assert result.exit_code == 4
    assert "#/paths/~1vault~1consumers/get/responses/200" in result.output
    assert "broken.json" in result.output


@pytest.mark.parametrize("content", ["", "[]", "openapi: 3.0.3", "{", "openapi: 2.0\npaths: {}"])
def test_what_is_no_contract_is_exit_code_4(tmp_path: Path, content: str) -> None:
    spec = tmp_path / "spec.yml"
    spec.write_text(content)

    assert run("serve", "--port", "0", "--spec", str(spec)).exit_code == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scenario", "no-such"],
        ["--port", "many"],
        ["--port", "70000"],
        ["--no-such-flag"],
        ["--spec", "/no/such/file.yml"],
        ["--log-format", "xml"],
        ["--api-key", "alone"],
        ["--host", "192.0.2.1"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    result = (
        run("serve", "--port", "0", *arguments)
        if "--port" not in arguments
        else run("serve", *arguments)
    )

    assert result.exit_code == 2
    assert result.output.strip()


def test_a_broken_fixture_is_told_by_file_and_line(tmp_path: Path) -> None:
    fixtures = tmp_path / "fixtures"
    subprocess.run(["cp", "-r", str(builtin_fixtures()), str(fixtures)], check=True)
    scenario = fixtures / "scenarios" / "default.yml"
    scenario.write_text(scenario.read_text().replace("crm+pipedrive", "crm+pipedrove"))

    result = run("serve", "--port", "0", "--fixtures", str(fixtures))

    assert result.exit_code == 2
    assert re.search(r"scenarios/default\.yml:\d+: .*pipedrove", result.output)


def test_a_flag_goes_before_a_variable_and_a_variable_before_the_default(tmp_path: Path) -> None:
    flag, variable = tmp_path / "flag", tmp_path / "variable"
    flag.mkdir(), variable.mkdir()
    with running(variable, MOCKVAULT_SCENARIO="empty") as found:
        assert httpx.get(f"{found.url}/_mock/health").json()["scenario"] == "empty"
    with running(flag, "--scenario", "every-state", MOCKVAULT_SCENARIO="empty") as found:
        assert httpx.get(f"{found.url}/_mock/health").json()["scenario"] == "every-state"


def test_a_person_at_a_terminal_reads_plain_lines(tmp_path: Path) -> None:
    with running(tmp_path, "--log-format", "human") as found:
        httpx.get(f"{found.url}{OF_CRM}", headers=HEADERS)
        line = found.log().splitlines()[-1]

    assert "connectionsOne" in line
    assert "mock-app/test-consumer" in line
    assert "200" in line


def test_one_more_application_is_declared_on_the_command_line(tmp_path: Path) -> None:
    with running(tmp_path, "--app-id", "mine", "--api-key", "my-key") as found:
        headers = {**HEADERS, "x-apideck-app-id": "mine", "authorization": "Bearer my-key"}
        assert httpx.get(f"{found.url}{OF_CRM}", headers=headers).status_code == 200
        assert httpx.get(f"{found.url}{OF_CRM}", headers=HEADERS).status_code == 200
        foreign = {**headers, "authorization": "Bearer mock-api-key"}
        assert httpx.get(f"{found.url}{OF_CRM}", headers=foreign).status_code == 401


def test_open_applications_takes_any_id_as_a_tenant_of_its_own(tmp_path: Path) -> None:
    with running(tmp_path, "--open-applications") as found:
        one, two = ({**HEADERS, "x-apideck-app-id": name} for name in ("worker-1", "worker-2"))
        httpx.post(f"{found.url}/vault/consumers", headers=one, json={"consumer_id": "mine"})
        mine = f"{found.url}/vault/consumers/mine"
        assert httpx.get(mine, headers=one).status_code == 200
        assert httpx.get(mine, headers=two).status_code == 404
        assert httpx.get(mine, headers={**one, "authorization": "Bearer x"}).status_code == 401


def test_an_application_is_made_on_the_fly(mock: Running) -> None:
    made = httpx.post(f"{mock.url}/_mock/apps", json={}).json()
    given = httpx.post(f"{mock.url}/_mock/apps", json={"id": "given", "api_key": "given-key"})
    headers = {
        **HEADERS,
        "x-apideck-app-id": made["id"],
        "authorization": f"Bearer {made['api_key']}",
    }

    assert httpx.get(f"{mock.url}{OF_CRM}", headers=headers).status_code == 200
    assert given.json() == {"id": "given", "api_key": "given-key"}
    assert httpx.post(f"{mock.url}/_mock/apps", json={"id": "given"}).status_code == 422
    assert httpx.post(f"{mock.url}/_mock/apps", content=b"{").status_code == 400
    assert httpx.post(f"{mock.url}/_mock/apps", json={"idd": "x"}).status_code == 400
    assert httpx.delete(f"{mock.url}/_mock/apps/given").status_code == 204
    assert httpx.delete(f"{mock.url}/_mock/apps/given").status_code == 404


def test_a_reset_restores_the_world(mock: Running) -> None:
    consumer = f"{mock.url}/vault/consumers/consumer-0001"
    assert httpx.delete(consumer, headers=KEY).status_code == 200

    assert httpx.post(f"{mock.url}/_mock/reset").status_code == 204

    assert httpx.get(consumer, headers=KEY).status_code == 200


def test_a_newer_contract_is_served_from_itself_where_no_handler_knows_it(tmp_path: Path) -> None:
    document = yaml.load(builtin_contract().read_bytes(), yaml.CSafeLoader)
    document["info"]["version"] = "10.99.0"
    document["paths"]["/vault/connections/{unified_api}/{service_id}/validate"] = {
        "post": {
            "operationId": "connectionsValidate",
            "summary": "Validate a connection",
            "security": [{"apiKey": []}],
            "parameters": [
                {"$ref": f"#/components/parameters/{name}"}
                for name in (
                    "x-apideck-consumer-id",
                    "x-apideck-app-id",
                    "unified_api",
                    "service_id",
                )
            ],
            "responses": {
                "200": {
                    "description": "Validated",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["status_code", "data"],
                                "properties": {
                                    "status_code": {"type": "integer"},
                                    "data": {
                                        "type": "object",
                                        "required": ["id", "state"],
                                        "properties": {
                                            "id": {"type": "string", "format": "uuid"},
                                            "state": {"type": "string", "enum": ["ok", "bad"]},
                                        },
                                    },
                                },
                            }
                        }
                    },
                },
                "default": {"$ref": "#/components/responses/UnexpectedErrorResponse"},
            },
        }
    }
    document["paths"]["/vault/consumers"]["get"]["parameters"].append(
        {"name": "search", "in": "query", "schema": {"type": "string"}}
    )
    spec = tmp_path / "newer.json"
    spec.write_text(json.dumps(document))
    path = "/vault/connections/crm/salesforce/validate"
    answers = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with running(
            tmp_path / name, "--spec", str(spec), "--seed", "7", "--validate-responses"
        ) as found:
            answers.append(httpx.post(f"{found.url}{path}", headers=HEADERS))
            assert httpx.post(f"{found.url}{path}").status_code == 401
            known = httpx.get(f"{found.url}/vault/consumers?search=x", headers=KEY)
            assert known.status_code == 200
            assert "x-mock-source" not in known.headers
            health = httpx.get(f"{found.url}/_mock/health").json()
            assert (health["contract"], health["contract_violations"]) == ("10.99.0", 0)

    assert answers[0].status_code == 200
    assert answers[0].headers["x-mock-source"] == "contract"
    assert answers[0].json()["data"]["state"] in ("ok", "bad")
    assert answers[0].json() == answers[1].json()


def test_the_mock_does_not_start_without_a_handler_of_its_own_contract(monkeypatch: Any) -> None:
    from mockvault import app
    from mockvault.contract import ContractInvalid

    monkeypatch.setattr(app, "HANDLER_MODULES", app.HANDLER_MODULES[1:])

    with pytest.raises(ContractInvalid, match="has no handler"):
        app.create_app()


def test_scenarios_and_connectors_are_listed() -> None:
    scenarios = run("scenario", "list")
    connectors = run("connectors", "--api", "crm")
    every = run("connectors")

    assert scenarios.exit_code == connectors.exit_code == 0
    assert {"default", "empty", "every-state", "busy"} <= {
        line.split()[0] for line in scenarios.output.splitlines()
    }
    assert all(line.startswith("crm+") for line in connectors.output.splitlines())
    assert "crm+salesforce" in connectors.output
    assert len(every.output.splitlines()) >= 60
    assert run("connectors", "--api", "crn").exit_code == 2


def test_version_and_help_need_no_more_than_the_command_line() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from mockvault.cli import main\n"
        "for flag in ('--version', '--help'):\n"
        "    result = CliRunner().invoke(main, [flag])\n"
        "    assert result.exit_code == 0, result.output\n"
        "heavy = {'connexion', 'starlette', 'uvicorn', 'yaml', 'faker', 'orjson'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    "content",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /vault/consumers HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /vault/consumers HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_is_answered_in_the_envelope_too(mock: Running, content: bytes) -> None:
    host, port = mock.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(content)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["type_name"] == "RequestValidationError"
    assert httpx.get(f"{mock.url}/_mock/health").status_code == 200


def test_a_body_in_chunks_is_read_over_a_real_connection(http: httpx.Client) -> None:
    def chunks() -> Any:
        yield b'{"consumer_'
        yield b'id": "in-chunks"}'

    answer = http.post(
        "/vault/consumers", content=chunks(), headers={"content-type": "application/json"}
    )

    assert answer.json()["data"]["consumer_id"] == "in-chunks"


def test_a_body_that_is_too_large_is_told_so_over_a_real_connection(http: httpx.Client) -> None:
    answer = http.post(
        "/vault/consumers",
        content=b'{"consumer_id": "' + b"x" * 3_000_000 + b'"}',
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 413
    assert http.get(OF_CRM).status_code == 200
