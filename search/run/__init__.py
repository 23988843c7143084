"""One search from start to end, in a folder that it can be resumed from."""
