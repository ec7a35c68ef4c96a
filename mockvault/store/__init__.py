"""Where the worlds are kept."""
