"""Where HTTP meets the vault."""
