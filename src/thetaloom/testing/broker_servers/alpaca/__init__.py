"""Alpaca's servers on loopback: trading and data over HTTP, trade updates and option quotes over sockets."""
