"""What a person sees in a browser: hosted Vault, the provider's consent, the drop-in script."""
