"""The reading side for command line, pages and API.

Every function takes the database and the user whose rows it may show; it reads one snapshot and blocks nobody.
"""
