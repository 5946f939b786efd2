"""What watching a training costs, and what it shows of a training in which copying is needed.

python bench/watch.py overhead wp/train.txt wp/val.txt -o FOLDER [--minutes 6] [--every 20] [--windows 16]
python bench/watch.py induction -o FOLDER [--minutes 6] [--every 20] [--share 0.2]

`overhead` trains a Llama of 2 layers of 128 on a text for so many minutes, and prints the looks' seconds beside the
training's.  `induction` trains one of 2 layers of 64 on passages of random words, each of which comes four times in a
row: what comes again can be copied, and nothing else can be known.  FOLDER/watch/index.html is the page of either.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from train_transformer import byte_level, update
from transformers import LlamaConfig, LlamaForCausalLM

from errtax.lm.hf.tokenizer import TextTokenizer
from errtax.lm.ngram.index import NgramIndex
from errtax.lm.text import Unit, text_of_bytes, text_of_tokens
from errtax.training import PeelWatch


class Task(NamedTuple):
    """`context`: tokens that the model reads; `batch`: sequences of so many tokens in a step."""

    text: str
    held_out: str
    tokenizer: Tokenizer
    hidden: int
    context: int
    batch: int
    windows: int


def prose(train: Path, val: Path) -> Task:
    text = train.read_bytes().decode()
    return Task(text, val.read_bytes().decode(), byte_level(text, 2048), 128, 256, 8, 64)


def repetitions(words: int = 32) -> Task:
    """Passages of 8 to 16 of so many words, drawn at random, each four times in a row."""
    rng = np.random.default_rng(1)
    known = [a + b for a in "bdfgklmn" for b in "aeio"][:words]

    def passages(n: int) -> str:
        drawn = [rng.integers(len(known), size=rng.integers(8, 17)) for _ in range(n)]
        return " ".join(known[k] for passage in drawn for k in np.tile(passage, 4))

    text = passages(8000)
    return Task(text, passages(600), words_of(text), 64, 64, 32, 64)


def words_of(text: str) -> Tokenizer:
    """A byte-level BPE with a token for each word, and none for bytes that the text has not."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=100, show_progress=False))
    return tokenizer


def index_of(text: str, tokenizer: Tokenizer, order: int) -> tuple[NgramIndex, torch.Tensor]:
    """The index of a text's tokens, and these."""
    made, data = TextTokenizer.of(tokenizer), text_of_bytes(text.encode(), Unit.BYTE)
    ids = made.encode(text.encode()).ids
    return NgramIndex.build(text_of_tokens(data, ids, made.sha256), order), torch.from_numpy(ids)


def llama(task: Task, tokens: int) -> LlamaForCausalLM:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=tokens,
        hidden_size=task.hidden,
        intermediate_size=2 * task.hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=task.context,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


def train(model: LlamaForCausalLM, ids: torch.Tensor, task: Task, minutes: float) -> Iterator[int]:
    """The steps, each after its update."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, betas=(0.9, 0.98), weight_decay=0.01)
    begun, generator, step = time.perf_counter(), torch.Generator().manual_seed(1), 0
    while time.perf_counter() - begun < 60 * minutes:
        starts = torch.randint(len(ids) - task.context - 1, (task.batch, 1), generator=generator)
        update(model, optimizer, ids[starts + torch.arange(task.context + 1)])
        step += 1
        yield step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["overhead", "induction"])
    parser.add_argument("texts", type=Path, nargs="*", help="of overhead: to train on, and held out")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--windows", type=int, help="of the sample [64]")
    parser.add_argument("--share", type=float, default=0.02)
    options = parser.parse_args()
    task = prose(*options.texts) if options.task == "overhead" else repetitions()
    tokenizer = task.tokenizer
    index, ids = index_of(task.text, tokenizer, 10)
    model = llama(task, tokenizer.get_vocab_size())
    print(f"{model.num_parameters():,} parameters, {len(ids):,} tokens of {len(index.alphabet):,} kinds", flush=True)

    def tell(step: int, numbers: dict[str, float]) -> None:
        shown = (f"{name.removeprefix('errtax/')} {value:.2f}" for name, value in numbers.items())
        print(f"step {step:,}:", *shown, flush=True)

    watch = PeelWatch(
        *(model, tokenizer, [task.held_out], options.output / "watch"),
        ngram=index,
        log=tell,
        every=options.every,
        share=options.share,
        window=task.context,
        windows=options.windows or task.windows,
        name=f"llama-{task.hidden}",
    )
    watch.begin()
    for step in train(model, ids, task, options.minutes):
        watch.step(step)
    watch.finish()
    spent, training, looks = watch.seconds
    print(f"{step:,} steps, {looks} looks: {spent:.2f} s beside {training:.1f} s: {100 * spent / training:.2f} %")


if __name__ == "__main__":
    main()
