"""The commands of ``nightshift``, by what they are about. Each imports what it needs when it is called."""
