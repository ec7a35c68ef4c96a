"""Commands that talk to a running mock, or that run one for another command."""
