"""The prepare stage of tables."""
