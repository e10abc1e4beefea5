"""The model as a PyTorch module from ids to answers: what PyTorch runs, and what is exported for other engines."""
from pathlib import Path


def load(checkpoint: Path, pooling: str, **how):
    """A module that takes ids, a mask and token types, each [texts, tokens]; where the mask is None, nothing is padded.
    It gives logits, [texts, labels], or with a pooling vectors, [texts, hidden]. `how` is for `from_pretrained`."""
    import torch
    from transformers import BertForSequenceClassification, BertModel

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = BertForSequenceClassification.from_pretrained(checkpoint, **how)

        def forward(self, ids, mask=None, types=None):
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types, return_dict=False)[0]

    class Vectors(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = BertModel.from_pretrained(checkpoint, add_pooling_layer=False, **how)

        def forward(self, ids, mask=None, types=None):
            hidden = self.model(input_ids=ids, attention_mask=mask, token_type_ids=types, return_dict=False)[0]
            if pooling == "cls":
                return hidden[:, 0]
            if mask is None:
                return hidden.mean(1)
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            return (hidden * weights).sum(1) / weights.sum(1)

    return (Vectors() if pooling else Logits()).eval()
