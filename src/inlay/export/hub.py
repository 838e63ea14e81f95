"""Uploading an exported folder to the Hugging Face hub."""

from pathlib import Path

from inlay.checkpoints import read
from inlay.checkpoints.pretrained_folder import CARD, SHARED
from inlay.checkpoints.resolve import silence_hub_log
from inlay.errors import InlayError, one_line
from inlay.pretrained.transformers import path_in_folder


def push_folder(folder: Path, repo: str, private: bool = False) -> str:
    """Upload an exported folder, its three files and nothing else, in one commit.

    Args:
        folder: from ``inlay export``; its card states a license.
        repo: ``org/name``; made if it is not there.
        private: of a repository that is made.

    Returns:
        The address of the commit.

    Raises:
        InlayError: the folder is not one of ours, states no license, or the hub refuses.
    """
    from huggingface_hub import HfApi, ModelCard

    read(folder)
    card = path_in_folder(folder, CARD)  # nobody's file elsewhere is uploaded
    try:
        stated = ModelCard.load(card).data.license
    except Exception as error:  # whatever YAML raises
        raise InlayError(f"{card}: no model card with a readable head ({one_line(error)}). Export it again.") from error
    if not stated:
        raise InlayError(
            f"{card}: states no license, and nobody may use what has none. Export it again with --license, or "
            "add a line such as license: apache-2.0 to its head."
        )
    silence_hub_log()
    api = HfApi(library_name="inlay")
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repo, folder_path=folder, allow_patterns=list(SHARED), commit_message="Upload from Inlay"
        )
    except Exception as error:  # what the library raises has no common base
        raise InlayError(
            f"--to {repo}: the Hugging Face hub did not take it ({one_line(error)}). Log in once with `hf auth login` "
            "or set HF_TOKEN, with a token that may write there."
        ) from error
    return str(done.commit_url)
