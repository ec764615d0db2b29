"""Split by time, rolling origins, features, schema."""
