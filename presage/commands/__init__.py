"""One module per command: SUMMARY, `arguments(parser)`, `run(options) -> exit code`. Thin: parse, call, print."""
