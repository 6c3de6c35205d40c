"""The generated pages: each a function from the code to the text of a page."""
