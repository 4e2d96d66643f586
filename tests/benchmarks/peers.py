"""What Tripod is compared with, on the same weights."""

from sentence_transformers import SentenceTransformer
from transformers import PreTrainedTokenizerFast

from core.models.base_model import BaseModel
from core.models.text_model import TOKENIZER
from core.training.encoder import load_encoder


def sentence_transformer(base: BaseModel) -> SentenceTransformer:
    """The base as sentence-transformers runs it."""
    peer = SentenceTransformer(base.source, device="cpu")
    if base.overlay is not None:
        first = peer[0]
        first.model = load_encoder(base, {}, dropout=0.0).transformer.eval()
        first.processor = PreTrainedTokenizerFast(
            tokenizer_file=str(base.overlay / TOKENIZER),
            pad_token="[PAD]",
            unk_token="[UNK]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            model_max_length=256,
            model_input_names=["input_ids", "attention_mask"],
        )

    return peer
