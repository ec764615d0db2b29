"""From raw columns to numbers: fit once, kept as JSON, applied by prepare and by the service alike."""
