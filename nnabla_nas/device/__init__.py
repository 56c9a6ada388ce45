"""What a run computes on: choosing a device, and the value that holds it."""
