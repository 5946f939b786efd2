"""`llama.gguf`: the Llama of one layer of `hf_models.py` with its byte-level tokenizer, for llama.cpp.

PYTHONPATH=tests python tests/golden/make_gguf.py tests/golden/llama.gguf
"""

import json
import sys
from typing import Any

import gguf
import numpy as np

import hf_models

LAYER = "model.layers.0."
NAMES = {
    "token_embd": "model.embed_tokens",
    "output": "lm_head",
    "output_norm": "model.norm",
    "blk.0.attn_norm": f"{LAYER}input_layernorm",
    "blk.0.ffn_norm": f"{LAYER}post_attention_layernorm",
    "blk.0.attn_q": f"{LAYER}self_attn.q_proj",
    "blk.0.attn_k": f"{LAYER}self_attn.k_proj",
    "blk.0.attn_v": f"{LAYER}self_attn.v_proj",
    "blk.0.attn_output": f"{LAYER}self_attn.o_proj",
    "blk.0.ffn_gate": f"{LAYER}mlp.gate_proj",
    "blk.0.ffn_up": f"{LAYER}mlp.up_proj",
    "blk.0.ffn_down": f"{LAYER}mlp.down_proj",
}
"""Tensors of llama.cpp and of transformers."""


def add_tokenizer(writer: Any, parts: Any) -> int:
    """Write a byte-level BPE; returns the size of its vocabulary."""
    vocabulary = parts["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    control, normal = 3, 1
    writer.add_token_types([control if token == "<|endoftext|>" else normal for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in parts["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(False)
    return len(tokens)


def rotated(weights: Any, heads: int) -> Any:
    """Queries and keys in llama.cpp's order: the two halves of each head interleaved."""
    return weights.reshape(heads, 2, -1, weights.shape[1]).swapaxes(1, 2).reshape(weights.shape)


def main() -> None:
    writer = gguf.GGUFWriter(sys.argv[1], "llama")
    size = add_tokenizer(writer, json.loads(hf_models.byte_level().backend_tokenizer.to_str()))
    model = hf_models.llama(size)
    config = model.config
    writer.add_name("tiny")
    writer.add_vocab_size(size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_attention_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_file_type(0)
    weights = model.state_dict()
    for name, theirs in NAMES.items():
        values = weights[f"{theirs}.weight"].float().numpy()
        if name.endswith(("attn_q", "attn_k")):
            values = rotated(values, config.num_attention_heads)
        writer.add_tensor(f"{name}.weight", np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
