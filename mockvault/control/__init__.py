"""The control plane under /_mock: what a test needs and the real API does not have."""
