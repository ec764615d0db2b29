"""The packaged forecast as the service and the gates ask it."""
