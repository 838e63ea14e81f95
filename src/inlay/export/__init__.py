"""Trained networks in the forms of other programs: safetensors folders, the Hugging Face hub, ONNX, torch.export."""
