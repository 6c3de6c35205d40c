"""Files of other programs and vendors as recordings: read exactly, doubted openly, nothing dropped silently.

May be imported by the rooms above ``marketdata``; knows ``domain``, ``errors`` and the recorded source, which
judges what was written.
"""
