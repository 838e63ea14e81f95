"""Tiny networks in the form of the hub, with words enough for the captions of the tests."""

import pytest

pytest.register_assert_rewrite("tests.text.text_tester")

WORDS = ["a", "bird", "with", "red", "wings", "and", "black", "small"]
TINY = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
POSITIONS = 12


@pytest.fixture(scope="session", autouse=True)
def _environment():
    """What a tokenizer sets for the loader's workers is not left to other tests."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TOKENIZERS_PARALLELISM", "false")
    yield
    patch.undo()


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    """A whole CLIP, image tower included, as OpenAI's lies on the hub: the end token pads."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    merges = [("r", "e"), ("re", "d</w>")]
    pieces = ["!", *letters, *(letter + "</w>" for letter in letters), "re", "red</w>"]
    vocabulary = {piece: number for number, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    start, end = vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"]
    special = {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    text = TINY | special | {"vocab_size": len(vocabulary), "max_position_embeddings": POSITIONS}
    image = TINY | {"image_size": 8, "patch_size": 4}
    folder = tmp_path_factory.mktemp("clip")
    CLIPTokenizer(vocab=vocabulary, merges=merges).save_pretrained(folder)
    CLIPModel(CLIPConfig(text_config=text, vision_config=image, projection_dim=8)).save_pretrained(folder)
    return folder


def save_bert_tokenizer(folder):
    from transformers import BertTokenizer

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", "."]
    BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}).save_pretrained(folder)
    return len(pieces)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """BERT with the head that it was trained with: no pooler in the file."""
    from transformers import BertConfig, BertForMaskedLM

    folder = tmp_path_factory.mktemp("bert")
    size = save_bert_tokenizer(folder)
    BertForMaskedLM(BertConfig(**TINY, vocab_size=size, max_position_embeddings=POSITIONS)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def distilbert_folder(tmp_path_factory):
    from transformers import DistilBertConfig, DistilBertModel

    folder = tmp_path_factory.mktemp("distilbert")
    size = save_bert_tokenizer(folder)
    config = DistilBertConfig(
        dim=16, hidden_dim=32, n_layers=2, n_heads=2, vocab_size=size, max_position_embeddings=POSITIONS
    )
    DistilBertModel(config).save_pretrained(folder)
    return folder
