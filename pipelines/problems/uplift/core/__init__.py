"""What several stages of uplift share."""
