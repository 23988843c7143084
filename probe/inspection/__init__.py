"""What is wrong with a dataset's images: duplicates, leaks, faults, outliers, rare classes, suspected wrong labels."""
