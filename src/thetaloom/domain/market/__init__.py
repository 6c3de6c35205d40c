"""What is known of a market at one moment: chains, indicators, volatility, events, and the reading of it all."""
