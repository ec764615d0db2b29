"""Kinds of problems, one package each. A product is configuration; a problem is code."""
