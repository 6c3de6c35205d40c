"""The pure core: values in, values out. It knows no clock, no I/O, no randomness and no logging.

Six rooms, each importing only those before it: values, market, strategy, book, risk, run.
"""
