"""Small parts that text-image models are made of in tests: nothing is downloaded."""

import json

import torch

from inlay.checkpoints import META_KEY
from inlay.checkpoints.provenance import provenance
from inlay.models.damsm import DAMSM
from inlay.text import LSTMEncoder

WORDS = ["a", "red", "blue", "bird", "cat", "with", "wings"]
CAPTIONS = ["a red bird", "a blue cat with wings", "a cat"]
NETWORK = {"trunk": "resnet18", "weights": "random", "dim": 8, "size": 64}
READER = {"vocabulary": WORDS, "dim": 8, "embedding": 6}


def encoder():
    """Of captions, 8 channels."""
    return LSTMEncoder(**READER)


def write_checkpoint(path, net, text):
    state = {f"net.{key}": value for key, value in net.state_dict().items()}
    state |= {f"text.{key}": value for key, value in text.state_dict().items()}
    config = {
        "model": {"_target_": "inlay.models.damsm.DAMSM", **NETWORK},
        "text": {"_target_": "inlay.text.LSTMEncoder", **READER},
    }
    torch.save({"state_dict": state, META_KEY: provenance(config)}, path)
    return str(path)


def write_clip(folder):
    """A CLIP of two layers with a tokenizer of its own, as save_pretrained writes it."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    numbers = {word: number for number, word in enumerate([*WORDS, "<start>", "<end>", "?"])}
    inner = Tokenizer(models.WordLevel(numbers, unk_token="?"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    start, end = numbers["<start>"], numbers["<end>"]
    inner.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", start), ("<end>", end)]
    )
    special = {"bos_token": "<start>", "eos_token": "<end>", "pad_token": "<end>", "unk_token": "?"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **special).save_pretrained(folder)
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    config = transformers.CLIPConfig(
        text_config={**tower, **ends, "vocab_size": len(numbers), "max_position_embeddings": 8},
        vision_config={**tower, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    net = transformers.CLIPModel(config)
    with torch.no_grad():  # its own are so small that all captions look alike
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    net.save_pretrained(folder)
    return net.eval()


def change_config(folder, **change):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))


def damsm():
    """An image encoder of 64 px."""
    return DAMSM(**NETWORK)
