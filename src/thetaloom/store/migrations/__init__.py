"""How the schema became what it is, one revision a file."""
