"""The sources that can be imported, in the order of the documentation, and those that cannot, with a way out."""

from errtax.lm.errors import UsageError
from errtax.lm.imports import completions, kenlm, llama, minicons, tables, vllm
from errtax.lm.imports.records import Source

SOURCES = {module.SOURCE.name: module.SOURCE for module in (vllm, completions, llama, minicons, kenlm, tables)}
"""By name."""
REFUSED = {
    "lm-eval": "lm-eval's --log_samples holds one sum per request and no values of tokens; run the model itself on the "
    "text (errtax predict --hf MODEL --text TEXT), or score it by vLLM and import that (errtax import vllm).",
}
"""Sources without values of tokens, and what to run instead."""


def source_of(name: str) -> Source:
    """The source of this name.  Raises `UsageError` for one that cannot be imported."""
    if name in REFUSED:
        raise UsageError(REFUSED[name])
    if name not in SOURCES:
        raise UsageError(f"{name!r} is no source; there are {', '.join(SOURCES)}.")
    found: Source = SOURCES[name]
    return found


def sources_markdown() -> str:
    """The sources as a table in Markdown, for the documentation."""
    lines = ["| source | file | how to make it | gives | traps, and what is done about them |", "|---|---|---|---|---|"]
    lines += [
        f"| `{each.name}` | {each.file} | {each.made_by} | {each.log} | {'; '.join(each.traps)} |"
        for each in SOURCES.values()
    ]
    return "\n".join(lines) + "\n"
