"""A contract-driven, stateful mock of the Apideck Vault API."""
