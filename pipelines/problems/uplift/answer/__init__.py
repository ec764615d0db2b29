"""The packaged uplift model, as the service and the gates ask it."""
