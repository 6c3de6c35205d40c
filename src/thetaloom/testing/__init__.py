"""Fakes, clocks and builders for tests, shipped so that authors of strategies and adapters can use them too."""
