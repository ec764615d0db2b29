"""Tables: binary and multiclass classification, regression."""
