"""What several stages of a forecast share: the history, the features of an origin, the prepared rows."""
