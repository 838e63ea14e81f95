"""What benchmarks share: timing, and the networks that they compare with."""
