"""The repository itself: its documents, servers, guards and benchmarks."""
