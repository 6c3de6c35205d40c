"""The engine: carries runs from trigger to completed trade, one recorded step and one transaction at a time.

It speaks to the outside only through ports; ``bootstrap`` gives it real parts.
"""
