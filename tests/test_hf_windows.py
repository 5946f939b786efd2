"""Windows: every token is scored once, in the first window that reaches it, from the context that this says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errtax.lm.errors import UsageError
from errtax.lm.hf.windows import Window, WindowPlan


@st.composite
def plans(draw: st.DrawFn) -> WindowPlan:
    prefix = tuple(draw(st.lists(st.just(1), max_size=3)))
    room = draw(st.integers(1 if prefix else 2, 12))
    return WindowPlan(room + len(prefix), draw(st.integers(1, room if prefix else room - 1)), prefix)


def naive_context(plan: WindowPlan, i: int) -> int:
    """The tokens before token i in the first of the windows at 0, S, 2S, … that reaches it."""
    start = 0
    while not start <= i < start + plan.size - len(plan.prefix):
        start += plan.stride
    return i - start


@given(plans(), st.integers(0, 60))
def test_each_token_is_scored_in_the_first_window_that_reaches_it(plan: WindowPlan, n: int) -> None:
    windows = list(plan.windows(n))
    asked = [i for window in windows for i in range(window.first, window.stop)]
    assert asked == list(range(0 if plan.prefix else 1, n))
    contexts = [context for window in windows for context in window.context.tolist()]
    assert contexts == [naive_context(plan, i) for i in asked]
    for window in windows:
        assert window.start % plan.stride == 0
        assert len(plan.prefix) + window.stop - window.start <= plan.size
        assert plan.prefix or min(window.context, default=1) > 0


@given(plans(), st.integers(0, 60), st.integers(0, 60))
def test_after_what_stands_before_a_text_each_token_has_the_context_of_later_windows(
    plan: WindowPlan, n: int, first: int
) -> None:
    windows = list(plan.windows(n, first))
    least = 0 if plan.prefix else 1
    assert [i for window in windows for i in range(window.first, window.stop)] == list(range(max(first, least), n))
    for window in windows:
        assert min(window.context) >= min(plan.context, window.first)


def test_windows_by_hand() -> None:
    assert list(WindowPlan(4, 2).windows(7)) == [Window(0, 1, 4), Window(2, 4, 6), Window(4, 6, 7)]
    assert list(WindowPlan(5, 4, (9,)).windows(7)) == [Window(0, 0, 4), Window(4, 4, 7)]
    assert list(WindowPlan(4, 2).windows(9, 5)) == [Window(3, 5, 7), Window(5, 7, 9)]


@pytest.mark.parametrize(
    ("size", "stride", "prefix", "message"),
    [
        (4, 4, (), r"--stride must be 1 to 3 \(the window less one, without a prefix\), got 4"),
        (4, 4, (1,), r"--stride must be 1 to 3 \(the window without its prefix\), got 4"),
        (4, 0, (), "--stride must be 1 to 3"),
        (1, 1, (), "--window 1 leaves nothing to predict; it must be at least 2"),
        (2, 1, (1, 2), "--window 2 leaves nothing to predict; it must be at least 3"),
    ],
)
def test_windows_that_cannot_be_are_refused(size: int, stride: int, prefix: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        WindowPlan(size, stride, prefix)
