"""The forms for the CPU: compiled kernels on activations that lie (C, H, W, B) in memory."""
