"""What several stages of texts share."""
