"""Candidates judged, one chosen, quantiles made, gates."""
