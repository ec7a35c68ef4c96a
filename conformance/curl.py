"""A request as a command of the shell that sends the same again, secrets as variables."""

import re
from urllib.parse import urlencode

from conformance.failures import Request
from conformance.redaction import Secrets

_MARK = "\ue000{}\ue001"
_MARKED = re.compile("\ue000(\\w+)\ue001")
# One character many times, as in bodies that are too large: `printf` makes it again.
_RUN = re.compile(r"([ -&(-~])\1{199,}")
_LONGEST_ARGUMENT = 100_000
_LONGEST_TO_READ = 8_000


def command(base_url: str, request: Request, secrets: Secrets) -> str:
    """Return the request as a command that runs where the variables are exported.

    A body that is too long to be read is cut, and that is told.
    """
    url = base_url + request.path
    if request.query:
        url += "?" + urlencode(request.query)
    parts = ["curl -sS", "--head" if request.method == "HEAD" else f"-X {request.method}"]
    if re.search(r"/(\.|%2e)", request.path, re.IGNORECASE):
        parts.append("--path-as-is")
    if set("[]{}") & set(request.path):
        parts.append("-g")
    parts.append(_word(url, secrets))
    # curl leaves a header out that is empty after its colon
    parts += [f"-H {_word(f'{n}: {v}' if v else f'{n};', secrets)}" for n, v in request.headers]
    if request.body is None:
        return " ".join(parts)
    if request.header("content-type") is None:
        parts.append("-H 'content-type:'")
    return _with_body(parts, request.body, secrets)


def _with_body(parts: list[str], body: bytes, secrets: Secrets) -> str:
    try:
        text, is_plain = body.decode(), b"\0" not in body
    except UnicodeDecodeError:
        text, is_plain = "", False
    if not is_plain:
        return _piped(f"printf {_word(_in_octal(body), secrets)}", parts, len(body))
    word = _word(text, secrets)
    if len(word) > _LONGEST_TO_READ:
        word = _word(secrets.hidden(text, _MARK)[: _LONGEST_TO_READ // 4], secrets)
        return " ".join([*parts, "--data-binary", word, f"# cut: {len(body)} bytes were sent"])
    if len(body) > _LONGEST_ARGUMENT:
        return _piped(f"printf %s {word}", parts, len(body))
    return " ".join([*parts, "--data-raw" if text.startswith("@") else "--data-binary", word])


def _piped(source: str, parts: list[str], size: int) -> str:
    if len(source) > _LONGEST_TO_READ:
        return " ".join([*parts, f"# without its body of {size} bytes"])
    return " ".join([source, "|", *parts, "--data-binary @-"])


def _in_octal(body: bytes) -> str:
    special = {ord("%"): "%%", ord("\\"): "\\\\"}
    return "".join(special.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in body)


def _word(text: str, secrets: Secrets) -> str:
    """Quote a text for the shell; its secrets become variables, its long runs commands."""
    marked = secrets.hidden(text, _MARK)
    if marked != text and not set('"$`\\!') & set(marked):
        word = '"' + _MARKED.sub(r"${\1}", marked) + '"'
        return word if not _RUN.search(word) else _singly_quoted(marked)
    return _singly_quoted(marked)


def _singly_quoted(marked: str) -> str:
    word = "'" + marked.replace("'", "'\"'\"'") + "'"
    word = _RUN.sub(_again, word)
    return _MARKED.sub(r"""'"${\1}"'""", word)


def _again(run: re.Match[str]) -> str:
    character = "\\\\" if run[1] == "\\" else run[1]
    return f"""'"$(printf '%{len(run[0])}s' | tr ' ' '{character}')"'"""
