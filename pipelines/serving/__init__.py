"""One BentoML service for every product's champion.

``service.py`` is what ``bentoml serve`` loads; ``launch.py`` starts and stops it as a process of its own; the rest is
plain code that knows nothing of BentoML: ``board`` (which model answers), ``validate``, ``answers``, ``door``.
"""
