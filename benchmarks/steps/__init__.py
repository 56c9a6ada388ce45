"""The parts of speed.py; what PyTorch's interpreter imports needs neither numpy nor nnabla."""
