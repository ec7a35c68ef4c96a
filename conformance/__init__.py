"""A judge of any deployment of the Apideck Vault API, by its contract and by its behaviour."""

__version__ = "0.1.0"
