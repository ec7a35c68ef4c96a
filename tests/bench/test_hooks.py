from tests.bench.calls import BY_LETTER
from tests.bench.hooks import LETTERS, without_hooks
from tests.bench.in_process import Direct


def put_down(direct: Direct) -> int:
    return sum(len(bench.journal) + bench.webhooks.raised for bench in direct.app.workbenches)


def test_a_mock_without_hooks_answers_and_puts_nothing_down() -> None:
    whole, bare = Direct(), without_hooks()
    kept = put_down(bare)

    for direct in (whole, bare):
        for letter in LETTERS:
            call = BY_LETTER[letter]
            direct.ask(direct.requests(call, 3))
            direct.answered(call, 3)

    assert put_down(bare) == kept
    assert put_down(whole) >= 3 * len(LETTERS)
    whole.close()
    bare.close()
