"""Pictures on disk to batches.

Nothing is imported here: listing and checking pictures takes neither PyTorch nor Lightning.
"""
