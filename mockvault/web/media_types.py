"""The media type of a body: which ones an operation takes, and in which encoding."""

from collections.abc import Iterable

from mockvault.web.violations import UnsupportedMediaType, cut, listed

_UTF8 = frozenset({"utf-8", "utf8"})


class MediaTypes:
    """The media types that one operation takes for its body."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._known = frozenset(
            f"{name}{charset}".encode()
            for name in self.names
            for charset in ("", "; charset=utf-8", ";charset=utf-8", "; charset=UTF-8")
        )

    def check(self, content_type: bytes | None) -> None:
        """Accept the value of the header Content-Type.

        Raises UnsupportedMediaType when the body cannot be read as any that the operation takes.
        """
        if content_type not in self._known:
            self._check(content_type)

    def _check(self, content_type: bytes | None) -> None:
        wanted = listed(self.names)
        if not content_type or content_type.isspace():
            raise UnsupportedMediaType(
                f"The body has no media type: add the header Content-Type: {self.names[0]}",
                None,
                self.names,
            )
        said = content_type.decode("latin-1")
        name, *parameters = _split(said)
        if name.lower() not in self.names:
            raise UnsupportedMediaType(
                f"The body must be {wanted}, not {cut(name) or 'nameless'}", cut(said), self.names
            )
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "charset":
                charset = value.strip().strip('"').lower()
                if charset not in _UTF8:
                    raise UnsupportedMediaType(
                        f"The body must be in UTF-8, not {cut(charset) or 'in a nameless charset'}",
                        cut(said),
                        self.names,
                    )


def _split(content_type: str) -> list[str]:
    parts, quoted = [""], False
    for character in content_type:
        if character == '"':
            quoted = not quoted
        if character == ";" and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
