"""The model as a PyTorch module from ids to answers: what PyTorch runs, and what is exported for other engines."""
from pathlib import Path

from tasks import Task


def load(checkpoint: Path, task: Task, **how):
    """A module that takes ids, a mask and token types, each [texts, tokens]; where the mask is None, nothing is padded.
    It gives logits, [texts, labels], vectors, [texts, hidden], or the logits of tokens, [texts, tokens, labels]: two for
    where an answer starts and ends. `how` is for `from_pretrained`."""
    import torch
    import transformers

    class Logits(torch.nn.Module):
        def __init__(self, loader):
            super().__init__()
            self.model = loader.from_pretrained(checkpoint, **how)

        def forward(self, ids, mask=None, types=None):
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types, return_dict=False)[0]

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

    networks = {"classify": lambda: Logits(transformers.BertForSequenceClassification), "embed": Vectors,
                "tag": lambda: Logits(transformers.BertForTokenClassification),
                "answer": lambda: Spans(transformers.BertForQuestionAnswering)}
    return networks[task.name]().eval()
