"""The vault's rules over immutable values: no HTTP, no clock, no chance of its own."""
