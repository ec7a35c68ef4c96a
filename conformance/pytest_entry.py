"""The options of a pytest session that judges a deployment; nothing else is loaded without one.

pytest --conformance-url URL --conformance-app-id ID …
"""

import os

import pytest

# Shard by xdist: `-n 4` needs no option of ours.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run."""
    group = parser.getgroup("conformance", "judge a deployment of the Vault API")
    group.addoption("--conformance-url", metavar="URL", help="the deployment to judge")
    for name, variable, what in (
        ("app-id", "VAULT_APP_ID", "the application under judgement"),
        ("api-key", "VAULT_API_KEY", "its key"),
        ("other-app-id", "VAULT_OTHER_APP_ID", "a second application, for isolation"),
        ("other-api-key", "VAULT_OTHER_API_KEY", "its key"),
    ):
        told = f"{what} (default: ${variable})"
        group.addoption(f"--conformance-{name}", default=os.environ.get(variable), help=told)
    group.addoption(
        "--conformance-profile",
        choices=("live", "quick", "smoke", "thorough"),
        help="default: quick on loopback, live elsewhere",
    )
    group.addoption("--conformance-seed", type=int, default=1, help="the same seed, the same cases")
    group.addoption(
        "--conformance-max-requests", type=int, help="send no more, each worker (xdist) for itself"
    )
    group.addoption(
        "--conformance-at-least",
        type=float,
        default=90.0,
        metavar="PERCENT",
        help="how many of the laws that could be judged have to be, where requests are spent before"
        " all are; below that the session ends with 75 (default: 90)",
    )
    group.addoption("--conformance-allow-writes", action="store_true", help="let a live run write")
    group.addoption("--conformance-consumer", help="a consumer of yours that reads may use")


def pytest_configure(config: pytest.Config) -> None:
    """Load the tester where a deployment is named."""
    if config.getoption("--conformance-url"):
        from conformance import pytest_plugin  # noqa: PLC0415  its libraries are heavy

        config.pluginmanager.register(pytest_plugin, "conformance-session")
