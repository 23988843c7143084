"""What predictors learn from: tasks, encoded networks and trained accuracies as columns."""
