"""People's answers: the queue is filled, answered on a page, reconciled and reported; a snapshot takes them on."""
