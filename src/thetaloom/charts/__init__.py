"""Pictures drawn with matplotlib, without a screen: numbers in, PNG or SVG out, the same bytes every time."""
