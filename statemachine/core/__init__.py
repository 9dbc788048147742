"""The engine: pure, I/O-free, depending on attrs alone."""
