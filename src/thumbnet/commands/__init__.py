"""The commands of `thumbnet`, one module for each kind of work; `thumbnet.cli` puts them together."""
