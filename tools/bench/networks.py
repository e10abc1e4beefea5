"""The model as a PyTorch module from ids to answers: what PyTorch runs, and what is exported for other engines."""
import json
import sys
from pathlib import Path

# Of families, and of what writes checkpoints.
sys.path.append(str(Path(__file__).resolve().parent.parent))
from tasks import Task


def config(checkpoint: Path) -> dict:
    """Its config.json."""
    return json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))


def named(checkpoint: Path) -> type:
    """The class of transformers that its configuration names, whose module is imported with it."""
    import transformers

    return getattr(transformers, config(checkpoint)["architectures"][0])


def load(checkpoint: Path, task: Task, **how):
    """A module that takes ids, a mask and token types, each [texts, tokens]; where the mask is None, nothing is padded.
    It gives logits, [texts, labels], vectors, [texts, hidden], or the logits of tokens, [texts, tokens, labels]: two for
    where an answer starts and ends. `how` is for `from_pretrained`."""
    import torch
    import transformers

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = named(checkpoint).from_pretrained(checkpoint, **how)

        def forward(self, ids, mask=None, types=None):
            # Some families have no token types at all.
            kept = {} if types is None else {"token_type_ids": types}
            return self.model(input_ids=ids, attention_mask=mask, **kept, return_dict=False)[0]

    class Spans(Logits):
        def forward(self, ids, mask=None, types=None):
            # The model's own forward takes starts and ends apart, for its loss.
            hidden = self.model.bert(input_ids=ids, attention_mask=mask, token_type_ids=types, return_dict=False)[0]
            return self.model.qa_outputs(hidden)

    class Vectors(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = transformers.BertModel.from_pretrained(checkpoint, add_pooling_layer=False, **how)

        def forward(self, ids, mask=None, types=None):
            hidden = self.model(input_ids=ids, attention_mask=mask, token_type_ids=types, return_dict=False)[0]
            if task.pooling == "cls":
                return hidden[:, 0]
            if mask is None:
                return hidden.mean(1)
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            return (hidden * weights).sum(1) / weights.sum(1)

    return {"embed": Vectors, "answer": Spans}.get(task.name, Logits)().eval()
