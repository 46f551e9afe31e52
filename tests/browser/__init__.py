"""Complete flows in a real Chromium."""
