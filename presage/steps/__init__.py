"""The steps that `Session` is made of. Each is given values, and the database open or how to open it; none knows of
`Session`."""
