"""One file per tab of the demo. Importing them needs Gradio."""

from . import classify, draw, inside, train, use

TABS = {"Classify": classify, "Draw a digit": draw, "Look inside": inside, "Train one": train, "Use it": use}
"""Title → the module that builds the tab and has its style, from left to right."""
