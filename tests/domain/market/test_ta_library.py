import subprocess
import sys

PROGRAM = """
import sys
from thetaloom.domain.market.technicals import sma
assert sma([1.0, 2.0, 3.0], 2)[-1] == 2.5
print("pandas" in sys.modules, "polars" in sys.modules)
import pandas
print(pandas.Series([1, 2]).sum())
"""


def test_the_library_comes_without_data_frames_and_does_not_bar_them() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False", "3"]
