"""One module per command: either `arguments(parser)` and `run(options) -> exit code`, or ACTIONS, its
sub-commands by name. Thin: parse, call, print."""
