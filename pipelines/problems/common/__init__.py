"""What several kinds of problems share: rows, splits, targets, choices and the quality gate."""
