"""The REST API, one file per noun; JSON in and out, errors in one shape."""
