"""What a contact changes: which offer for which customer, from a randomised test (docs/marketing.md)."""
