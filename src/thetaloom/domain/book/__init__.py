"""Orders, fills, positions and the rules that close them."""
