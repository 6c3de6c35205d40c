"""Who reads a chart and gives an opinion; bootstrap chooses, and the engine knows them by the port alone."""
