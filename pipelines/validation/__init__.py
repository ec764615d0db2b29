"""The data contract: Great Expectations decides the gate, one vectorised pass finds the failing rows."""
