"""What a run looks like to its readers; each report consumes run events."""
