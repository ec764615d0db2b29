"""Search by a learned space: situations that ended in the same action lie close, so the nearest past ones can be named.

A bag of weighted tokens is embedded and classified (``n`` situations, ``f`` tokens, ``d`` dimensions, ``k`` actions)::

    h = relu(x E),  p = softmax(h W + b)

as in fastText (Joulin et al., EACL 2017) with one hidden layer; neighbours are found by the cosine of ``h``.
"""
