"""TA-Lib without the data frame libraries that it imports for their sake alone: they would cost a second."""

import sys
from contextvars import ContextVar
from functools import cache
from importlib.machinery import ModuleSpec
from typing import Any

FRAMES = frozenset({"pandas", "polars"})
_is_loading: ContextVar[bool] = ContextVar("is_loading", default=False)


class _NoFrames:
    # Other threads, whose context this does not touch, may import them meanwhile as ever.
    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if _is_loading.get() and name in FRAMES:
            raise ModuleNotFoundError(f"{name} is not wanted here", name=name)
        return None


@cache
def ta_lib() -> Any:
    """Return the module ``talib``; its functions take numpy arrays of floats."""
    token = _is_loading.set(True)
    sys.meta_path.insert(0, _NoFrames)
    try:
        import talib
    finally:
        sys.meta_path.remove(_NoFrames)
        _is_loading.reset(token)
    return talib
