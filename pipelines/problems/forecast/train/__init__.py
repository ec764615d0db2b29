"""One candidate: the global trees or a statistical model per series."""
