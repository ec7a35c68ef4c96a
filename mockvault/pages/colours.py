"""Colours that people can read: a theme's colours parsed, and others that contrast with them.

Contrast is that of WCAG 2.1: 4.5 for text, 3 for what is large.
"""

import re
from typing import NamedTuple

READABLE = 4.5
LARGE = 3.0
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/][^)]*)?\)")
_NAMED = {
    "aqua": "#00ffff",
    "black": "#000000",
    "blue": "#0000ff",
    "fuchsia": "#ff00ff",
    "gray": "#808080",
    "green": "#008000",
    "grey": "#808080",
    "lime": "#00ff00",
    "maroon": "#800000",
    "navy": "#000080",
    "olive": "#808000",
    "orange": "#ffa500",
    "pink": "#ffc0cb",
    "purple": "#800080",
    "red": "#ff0000",
    "silver": "#c0c0c0",
    "teal": "#008080",
    "white": "#ffffff",
    "yellow": "#ffff00",
}


class Colour(NamedTuple):
    """Red, green and blue, each from 0 to 255."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        """Write it as CSS does."""
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """How bright it looks, from 0 to 1."""
        red, green, blue = (_linear(part / 255) for part in self)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def towards(self, other: "Colour", share: float) -> "Colour":
        """Return the colour that lies a share of the way to another."""
        return Colour(
            *(round(mine + (its - mine) * share) for mine, its in zip(self, other, strict=True))
        )


BLACK = Colour(0, 0, 0)
WHITE = Colour(255, 255, 255)


def parsed(text: object) -> Colour | None:
    """Return the colour that a CSS text names, or None where it names none that is known here.

    >>> str(parsed("#28F"))
    '#2288ff'
    >>> parsed("red; background: url(//evil.example)") is None
    True
    """
    if not isinstance(text, str):
        return None
    text = _NAMED.get(text.strip().lower(), text.strip())
    if _HEX.fullmatch(text):
        digits = text[1:]
        if len(digits) < 6:
            digits = "".join(digit * 2 for digit in digits)
        return Colour(*(int(digits[place : place + 2], 16) for place in (0, 2, 4)))
    match = _RGB.fullmatch(text)
    if match is None:
        return None
    return Colour(*(min(int(part), 255) for part in match.groups()))


def contrast(one: Colour, other: Colour) -> float:
    """Return how well one is read on the other: from 1, not at all, to 21.

    >>> round(contrast(BLACK, WHITE))
    21
    """
    brighter, darker = sorted((one.luminance, other.luminance), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def ink_on(background: Colour, wanted: Colour | None = None) -> Colour:
    """Return the wanted colour where it can be read on the background, else black or white."""
    if wanted is not None and contrast(wanted, background) >= READABLE:
        return wanted
    return max(BLACK, WHITE, key=lambda ink: contrast(ink, background))


def readable(colour: Colour, background: Colour) -> Colour:
    """Return the colour, moved towards black or white until it can be read on the background."""
    end = ink_on(background)
    for tenth in range(21):
        moved = colour.towards(end, tenth / 20)
        if contrast(moved, background) >= READABLE:
            return moved
    return end


def action_colour(colour: Colour) -> Colour:
    """Return the colour of a button: darkened where a little of that lets white be read on it.

    >>> str(action_colour(Colour(0x28, 0x6E, 0xFA))), str(action_colour(Colour(255, 255, 0)))
    ('#2668ee', '#ffff00')
    """
    return readable(colour, WHITE) if contrast(colour, WHITE) >= LARGE else colour


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
