"""Who reads charts and gives an opinion; each fulfils the port ``Analyst``."""
