"""Where the contract and the fixtures lie: in the wheel, or in the checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def data_root() -> Path:
    """Return the folder that holds `spec` and `fixtures`."""
    packed = _PACKAGE / "_data"
    return packed if packed.is_dir() else _PACKAGE.parent


def builtin_contract() -> Path:
    """Return the contract that the mock is built for: 10.4.0."""
    return data_root() / "spec" / "vault.yml"


def builtin_overlay() -> Path:
    """Return what is added to the contract in memory."""
    return data_root() / "spec" / "overlay.yml"


def builtin_fixtures() -> Path:
    """Return the folder of connectors, scenarios and applications."""
    return data_root() / "fixtures"
