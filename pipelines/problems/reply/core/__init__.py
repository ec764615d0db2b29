"""What the stages of replies and the packaged model share: situations, slots, candidates."""
