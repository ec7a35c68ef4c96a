"""`python -m mockvault` is the command `mockvault`."""

from mockvault.cli import main

if __name__ == "__main__":
    main(prog_name="mockvault")
