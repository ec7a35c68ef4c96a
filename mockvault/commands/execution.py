"""`mockvault exec -- command`: a mock for the length of another command."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click

from mockvault.remote import JsonObjects, Remote

EXIT_FINDINGS = 1
EXIT_NOT_FOUND = 127
EXIT_NOT_RUN = 126
PREFIX = "MOCKVAULT_"


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--scenario", default="default", show_default=True, help="The starting world.")
@click.option("--seed", default=1, show_default=True, help="Seed of every made-up value.")
@click.option("--port", default=0, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--fail-on-violation",
    is_flag=True,
    help="End with 1 where the command ended well, but a request broke the contract.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    help="Write a JUnit file with every request that broke the contract.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(
    command: tuple[str, ...],
    scenario: str,
    seed: int,
    port: int,
    *,
    fail_on_violation: bool,
    junit: Path | None,
) -> None:
    """Start a mock, run COMMAND with MOCKVAULT_URL and friends set, stop; end as it ended.

    COMMAND finds MOCKVAULT_URL, MOCKVAULT_APP_ID, MOCKVAULT_API_KEY and MOCKVAULT_CONSUMER_ID.
    """
    from mockvault.app import UnknownScenario  # noqa: PLC0415
    from mockvault.catalogue import BrokenFixtures  # noqa: PLC0415
    from mockvault.embedding import RunningMock  # noqa: PLC0415
    from mockvault.serving import AddressUnusable, PortBusy  # noqa: PLC0415
    from mockvault.settings import Settings  # noqa: PLC0415

    settings = Settings(port=port, scenario=scenario, seed=seed, log_format="none")
    try:
        mock = RunningMock(settings).start()
    except (UnknownScenario, BrokenFixtures, AddressUnusable) as reason:
        click.echo(f"mockvault: {reason}", err=True)
        sys.exit(2)
    except PortBusy as reason:
        click.echo(f"mockvault: {reason}", err=True)
        sys.exit(3)
    try:
        code = run(command, mock.url)
        violations = violations_of(Remote(mock.url)) if fail_on_violation or junit else []
    finally:
        mock.stop()
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(report(violations)).write(junit, encoding="utf-8", xml_declaration=True)
    for each in violations if fail_on_violation else ():
        click.echo(f"mockvault: {told(each)}", err=True)
    if code == 0 and violations and fail_on_violation:
        code = EXIT_FINDINGS
    sys.exit(code)


def run(command: tuple[str, ...], url: str) -> int:
    """Run a command beside a mock; return its exit code, 128 and the signal that ended it."""
    environment = {
        **os.environ,
        f"{PREFIX}URL": url,
        f"{PREFIX}APP_ID": "mock-app",
        f"{PREFIX}API_KEY": "mock-api-key",
        f"{PREFIX}CONSUMER_ID": "test-consumer",
    }
    try:
        child = subprocess.Popen(command, env=environment)  # noqa: S603  it is what the user asks
    except FileNotFoundError:
        click.echo(f"mockvault: {command[0]}: command not found", err=True)
        return EXIT_NOT_FOUND
    except OSError as reason:
        click.echo(f"mockvault: {command[0]}: {reason.strerror}", err=True)
        return EXIT_NOT_RUN
    before = {
        name: signal.signal(name, lambda number, _: child.send_signal(number))
        for name in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        code = child.wait()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    return code if code >= 0 else 128 - code


def violations_of(remote: Remote) -> JsonObjects:
    """Return every request that broke the contract, of any application or of none."""
    found: JsonObjects = remote.call("GET", "/journal", violations="true", limit=10_000)["entries"]
    for application in remote.call("GET", "/apps")["applications"]:
        found += remote.application(application["id"]).journal.violations()
    return found


def told(violation: dict[str, Any]) -> str:
    """Return a violation in a line."""
    why = "; ".join(
        f"{each.get('in')} {each.get('pointer') or ''} {each.get('message')}".replace("  ", " ")
        for each in violation["violations"]
    )
    line = f"{violation['method']} {violation['path']} was answered {violation['status']}: {why}"
    return "".join(each if each.isprintable() else "?" for each in line)


def report(violations: JsonObjects) -> ET.Element:
    """Return the JUnit report: a failure for each request, or one test that passed."""
    suite = ET.Element(
        "testsuite",
        name="mockvault: requests obey the contract",
        tests=str(max(1, len(violations))),
        failures=str(len(violations)),
        errors="0",
    )
    for each in violations:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=each["operation_id"] or "unknown route",
            name=f"{each['number']} {each['method']} {each['path']}",
        )
        ET.SubElement(case, "failure", message=told(each)).text = told(each)
    if not violations:
        ET.SubElement(suite, "testcase", classname="mockvault", name="every request")
    root = ET.Element("testsuites")
    root.append(suite)
    return root
