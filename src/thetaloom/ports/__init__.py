"""The seams: Protocols that the engine speaks to and that adapters fulfil."""
