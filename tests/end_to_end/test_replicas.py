"""nginx, two replicas and Redis, as `.docker/replicas.yml` has them, from Debian's packages."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml

from mockvault.settings import PREFIX, options
from tests.end_to_end.conftest import HEADERS, Running, running
from tests.engines import RedisServer

DOCKER = Path(__file__).parents[2] / ".docker"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def configuration(folder: Path, port: int, replicas: list[str]) -> str:
    """Return the nginx.conf of the compose file, for these addresses and this folder."""
    text = (DOCKER / "nginx.conf").read_text()
    for number, address in enumerate(replicas, 1):
        text = text.replace(f"mockvault-{number}:4010", address)
    text = text.replace("listen 4010;", f"listen 127.0.0.1:{port};")
    paths = "".join(f"  {name}_temp_path {folder}/{name};\n" for name in TEMPORARY)
    text = text.replace("http {\n", f"http {{\n{paths}")
    return f"daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\n{text}"


class Cluster(NamedTuple):
    url: str
    replicas: list[Running]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def cluster(tmp_path: Path, redis: RedisServer) -> Iterator[Cluster]:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed: `make stores` installs it")
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    arguments = ["--store", f"{redis.url}?prefix={tmp_path.name}", "--log-format", "json"]
    with running(folders[0], *arguments) as one, running(folders[1], *arguments) as two:
        port = free_port()
        addresses = [each.url.removeprefix("http://") for each in (one, two)]
        file = tmp_path / "nginx.conf"
        file.write_text(configuration(tmp_path, port, addresses))
        process = subprocess.Popen([nginx, "-p", str(tmp_path), "-c", str(file), "-e", "stderr"])
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    if httpx.get(f"{url}/_mock/health").status_code == 200:
                        break
                except httpx.TransportError:
                    assert time.monotonic() < deadline
                    assert process.poll() is None
                time.sleep(0.02)
            yield Cluster(url, [one, two])
        finally:
            process.terminate()
            process.wait(30)


def test_two_replicas_behind_nginx_answer_as_one_mock(cluster: Cluster) -> None:
    path = "/vault/connections/crm/salesforce"
    with httpx.Client(base_url=cluster.url, headers=HEADERS, timeout=30) as http:
        for number in range(10):
            made = http.post("/vault/consumers", json={"consumer_id": f"r-{number}"})
            assert made.status_code == 200, made.text
            assert http.get(f"/vault/consumers/r-{number}").status_code == 200
            assert http.patch(path, json={"metadata": {f"n{number}": number}}).status_code == 200
        token = http.post("/vault/sessions").json()["data"]["session_token"]
        mine = {"authorization": f"Bearer {token}"}
        assert http.get("/vault/connections", headers=mine).status_code == 200
        shown = http.get(f"{cluster.url}/session/{token}")
        assert (shown.status_code, "Salesforce" in shown.text) == (200, True)

        asked = [each.log().count('"operation_id"') for each in cluster.replicas]
        assert min(asked) > 5

        cluster.replicas[0].process.kill()
        for _ in range(10):
            metadata = http.get(path).json()["data"]["metadata"]
            assert {f"n{number}" for number in range(10)} <= metadata.keys()
        assert http.post("/vault/consumers", json={"consumer_id": "after"}).status_code == 200


def test_the_compose_file_names_what_there_is() -> None:
    said = yaml.safe_load((DOCKER / "replicas.yml").read_text())
    services = said["services"]
    replicas = [name for name in services if name.startswith("mockvault-")]
    upstream = re.findall(r"server (\S+):4010", (DOCKER / "nginx.conf").read_text())

    assert upstream == replicas == ["mockvault-1", "mockvault-2"]
    variables = {f"{PREFIX}{name.upper()}" for name, _, _ in options()}
    for name in replicas:
        assert set(services[name]["environment"]) <= variables
        assert services[name]["environment"]["MOCKVAULT_STORE"] == "redis://redis:6379/0"
        assert (DOCKER / services[name]["build"]["context"] / "Dockerfile").is_file()
    assert services["nginx"]["volumes"] == ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
    assert set(services["nginx"]["depends_on"]) == set(replicas)
    assert set(said["volumes"]) == {"world"}
