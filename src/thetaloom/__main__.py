"""``python -m thetaloom`` and the ``thetaloom`` command."""

from thetaloom.cli.app import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
