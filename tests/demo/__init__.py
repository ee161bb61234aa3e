"""A package, so that fixtures of its scope end with the tests of this folder."""
