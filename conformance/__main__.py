"""`python -m conformance`, and the command: run the tester, or say what it lacks to run."""

import sys


def main() -> None:
    """Run the command line; exit with 2 where its libraries are not installed."""
    try:
        from conformance.cli import main as run  # noqa: PLC0415  what is missing is told
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("conformance"):
            raise
        sys.stderr.write(
            f"conformance: {missing.name} is not installed: "
            "install this package with its extra, as in pip install '.[conformance]'\n"
        )
        sys.exit(2)
    except KeyboardInterrupt:  # nothing was sent yet
        sys.exit(130)
    run(prog_name="conformance")


if __name__ == "__main__":
    main()
