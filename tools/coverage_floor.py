"""Print the branch coverage of some packages and fail where one lies below the floor."""

import sys
from io import StringIO

from coverage import Coverage

EXIT_BELOW_FLOOR = 1


def covered_percent(package: str) -> float:
    """Return the share of lines and branches of ``thetaloom.<package>`` that the last test run reached."""
    coverage = Coverage()
    coverage.load()
    return coverage.report(include=[f"*/thetaloom/{package}/*"], file=StringIO())


def main(floor: float, packages: list[str]) -> int:
    """Report each package; return the exit code."""
    figures = {package: covered_percent(package) for package in packages}
    for package, percent in figures.items():
        print(f"{package:10} {percent:6.2f} %{'' if percent >= floor else f'  below {floor} %'}")
    return EXIT_BELOW_FLOOR if min(figures.values()) < floor else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
