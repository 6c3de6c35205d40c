"""The live wire: what flows over the one WebSocket of a page, and who gets how much of it."""
