"""Two strategies in the newer words, as documents."""

import tomllib
from typing import Any

TRIDENT = tomllib.loads("""
id = "trident"
name = "Trident"
shares = 0

[expiration]
dte_min = 30
dte_max = 45
dte_target = 45

[[legs]]
name = "short_put"
side = "sell"
right = "put"
ratio = 2
select = { by = "otm", value = 0, unit = "percent", round_to = 2, miss_max = 0 }

[[legs]]
name = "long_put"
side = "buy"
right = "put"
ratio = 2
select = { by = "width", of = "short_put", unit = "table" }

[[legs]]
name = "short_call"
side = "sell"
right = "call"
select = { by = "same", of = "short_put" }

[[legs]]
name = "long_call"
side = "buy"
right = "call"
select = { by = "width", of = "short_call", unit = "table" }

[width_table]
by = "tradeable_capital"
steps = [{ below = 25000, width = 3 }, { below = 50000, width = 5 }, { below = 75000, width = 7 }, { width = 9 }]

[[drops]]
legs = ["short_call", "long_call"]
metric = "rsi_14"
comparison = ">"
threshold = 70

[[targets]]
name = "put_spread_1"
legs = ["short_put", "long_put"]
percent = 40

[[targets]]
name = "put_spread_2"
legs = ["short_put", "long_put"]
percent = 60

[[targets]]
name = "call_spread"
legs = ["short_call", "long_call"]
percent = 50
""")

CALENDAR: dict[str, Any] = {
    "id": "calendar",
    "name": "Calendar",
    "expiration": {"dte_min": 15, "dte_max": 35, "dte_target": 25},
    "back": {"dte_min": 45, "dte_max": 75, "dte_target": 55, "ratio_min": "1.6", "ratio_max": 3},
    "legs": [
        {"name": "near", "side": "sell", "right": "call", "select": {"by": "otm", "unit": "percent", "value": 0}},
        {
            "name": "far",
            "side": "buy",
            "right": "call",
            "expiration": "back",
            "select": {"by": "same", "of": "near"},
        },
    ],
}
