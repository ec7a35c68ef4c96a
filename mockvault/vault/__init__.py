"""What can be asked of a vault: the use cases, for one application."""
