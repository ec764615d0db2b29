"""What must never be lost and DVC does not keep: registry, champion pointer, promotion history, nights and their lanes.

``store.open_records(url)`` gives a :class:`~pipelines.records.store.Records`; ``registry`` and ``scoreboard`` hold
the functions that read and change it, one transaction per change.
"""
