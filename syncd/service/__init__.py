"""The daemon: `syncd` without arguments, in the foreground, for as long as it is wanted."""
