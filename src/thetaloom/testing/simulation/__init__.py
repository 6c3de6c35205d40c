"""The whole platform under one seed: a virtual clock, a made market, a broker that lies, and a process that dies."""
