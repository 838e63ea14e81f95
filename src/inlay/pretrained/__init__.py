"""Weights of networks that others have trained: of files, of torchvision, of transformers and its hub."""
