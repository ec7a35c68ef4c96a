"""An answer in one line, for people."""

from conformance.failures import Answer
from conformance.redaction import Secrets


def answered(answer: Answer, secrets: Secrets, most: int) -> str:
    """Tell status, time and the beginning of the body; secrets are hidden before it is cut."""
    if not answer.status:
        return "none"
    text = secrets.hidden(answer.body.decode("utf-8", "replace"))
    cut = text if len(text) <= most else f"{text[:most]}… ({len(answer.body)} bytes)"
    to = f" to {secrets.hidden(answer.location)}" if answer.location else ""
    return f"HTTP {answer.status} in {answer.seconds * 1000:.1f} ms{to}: {cut}".rstrip(": ")
