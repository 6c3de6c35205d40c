"""How fast brokers' streams are read and orders are sent, as figures beside their bars."""

from thetaloom.cli.bench_figures import Figure

FIRST_QUOTES_SECONDS_MAX = 5.0
DECODE_MICROSECONDS_MAX = 20.0  # of one event: 50,000 a second
RECONNECT_SECONDS_MAX = 2.0
SUBMIT_MILLISECONDS_MAX = 10.0


def broker_stream() -> list[Figure]:
    """tastytrade's stream of a whole SPX chain, its decoding, a reconnection, and what an order costs."""
    from thetaloom.testing.broker_servers.tastytrade.bench import CONTRACTS, ORDERS, measure_stream
    from thetaloom.testing.simulation.runner import silence

    with silence():  # lines are cut on purpose, and their logs would stand among the figures
        found = measure_stream()
    ours, sdk = 1e6 / found.event_microseconds, 1e6 / found.sdk_event_microseconds
    return [
        Figure(
            name="broker first quotes",
            figure=found.first_quotes_seconds,
            unit="s",
            bar=FIRST_QUOTES_SECONDS_MAX,
            note=f"{CONTRACTS:,} contracts; server, line and decoder in one process",
        ),
        Figure(
            name="broker reconnect to fresh quotes",
            figure=found.reconnect_seconds,
            unit="s",
            bar=RECONNECT_SECONDS_MAX,
            note=f"from the server's return; all {CONTRACTS:,} after {found.all_fresh_seconds:.1f} s",
        ),
        Figure(
            name="broker quote event",
            figure=found.event_microseconds,
            unit="us",
            bar=DECODE_MICROSECONDS_MAX,
            note=f"{ours:,.0f} events/s on one core, from bytes into the columns of the board",
            peer=f"the SDK's streamer {sdk:,.0f} events/s",
        ),
        Figure(
            name="broker submit overhead",
            figure=max(0.0, found.submit_milliseconds - found.sdk_submit_milliseconds),
            unit="ms",
            bar=SUBMIT_MILLISECONDS_MAX,
            note=f"submit {found.submit_milliseconds:.1f} ms, of which SDK and server take"
            f" {found.sdk_submit_milliseconds:.1f} ms; median of {ORDERS}",
        ),
    ]
