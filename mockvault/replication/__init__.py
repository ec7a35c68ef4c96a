"""One world in several workers: each holds all of it, and what one changes, all change."""
