"""KenLM's Python module on errtax's models: `from errtax import kenlm` where `import kenlm` stood.

`Model` opens an index (`errtax build-ngram train.txt --unit word`) or an ARPA file, `.gz` or not; no compiler is
needed.  Scores are log10, words are what white space separates, as in KenLM (`docs/kenlm.md`).

>>> from errtax import kenlm
>>> model = kenlm.Model("train.ngram")  # doctest: +SKIP
>>> model.score("this is a sentence .", bos=True, eos=True)  # doctest: +SKIP
-14.2
"""

from errtax.lm.ngram.kenlm_module import FullScoreReturn, LanguageModel, Model, State

__all__ = ["FullScoreReturn", "LanguageModel", "Model", "State"]
