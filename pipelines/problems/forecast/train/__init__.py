"""One candidate: the global trees, a recurrent network or a statistical model per series."""
