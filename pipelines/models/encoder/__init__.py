"""A Transformer encoder with a mean-pooled linear head, fine-tuned or frozen (torch and transformers)."""
